"""Both estimators against closed forms, an independent likelihood and planted effects."""

import numpy as np
import pytest
from scipy import optimize, special

from illusion_lib.divergence.regression import contrast, fit_logistic

DESIGN = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=float)


def clustered(n: int, beta, spread: float, rng: np.random.Generator):
    """n items, each answered in the four combinations of format and pruning."""
    x = np.tile(DESIGN, (n, 1))
    labels = np.repeat(np.arange(n), 4)
    u = spread * rng.normal(size=n)[labels]
    return (rng.random(4 * n) < special.expit(x @ np.asarray(beta) + u)).astype(float), x, labels


def test_saturated_gee_is_the_table_of_log_odds() -> None:
    y, x, labels = clustered(200, (0.5, 0.8, -1.0, 0.9), 1.0, np.random.default_rng(0))
    fit = fit_logistic(y, x, labels)
    share = y.reshape(-1, 4).mean(axis=0)  # open dense, choice dense, open pruned, choice pruned
    odds = special.logit(share)
    expected = [
        odds[0],
        odds[1] - odds[0],
        odds[2] - odds[0],
        odds[3] - odds[2] - odds[1] + odds[0],
    ]
    np.testing.assert_allclose(fit.beta, expected, atol=1e-6)


def test_gee_covariance_is_the_sandwich() -> None:
    """Mancl and DeRouen's covariance written out cluster by cluster."""
    y, x, labels = clustered(60, (0.5, 0.8, -1.0, 0.9), 1.0, np.random.default_rng(1))
    fit = fit_logistic(y, x, labels)
    p = special.expit(x @ fit.beta)
    w = p * (1 - p)
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    meat = np.zeros((4, 4))
    for k in np.unique(labels):
        i = labels == k
        leverage = (x[i] * w[i, None]) @ bread @ x[i].T
        residual = np.linalg.solve(np.eye(4) - leverage, (y - p)[i])
        score = x[i].T @ residual
        meat += np.outer(score, score)
    np.testing.assert_allclose(fit.covariance, bread @ meat @ bread, rtol=1e-5)


def test_mixed_model_against_gauss_hermite_likelihood() -> None:
    y, x, labels = clustered(150, (0.5, 0.8, -1.0, 0.9), 1.2, np.random.default_rng(2))
    node, weight = np.polynomial.hermite_e.hermegauss(30)
    log_weight = np.log(weight / weight.sum())

    def minus_log_likelihood(p):
        sign = (2 * y - 1)[:, None]
        cell = special.log_expit(sign * ((x @ p[:4])[:, None] + np.exp(p[4]) * node))
        return -special.logsumexp(
            cell.reshape(-1, 4, node.size).sum(axis=1) + log_weight, axis=1
        ).sum()

    reference = optimize.minimize(minus_log_likelihood, np.zeros(5), method="BFGS")
    fit = fit_logistic(y, x, labels, "mixed")
    np.testing.assert_allclose(fit.beta, reference.x[:4], atol=0.08)
    error, expected = np.sqrt(fit.covariance[3, 3]), np.sqrt(reference.hess_inv[3, 3])
    assert error == pytest.approx(expected, rel=0.2)


def test_gee_interval_covers_and_keeps_its_level_at_40_items() -> None:
    rng = np.random.default_rng(3)
    large = clustered(100_000, (0.8, 0.6, -0.5, 0.0), 1.0, rng)[0].reshape(-1, 4).mean(axis=0)
    odds = special.logit(large)
    truth = odds[3] - odds[2] - odds[1] + odds[0]
    covered = []
    for _ in range(200):
        fit = fit_logistic(*clustered(40, (0.8, 0.6, -0.5, 0.0), 1.0, rng))
        if fit.reason is None:
            _, low, high, _ = contrast(fit, (0, 0, 0, 1))
            covered.append(low <= truth <= high)
    assert len(covered) > 190
    assert 0.93 - 0.02 <= np.mean(covered) <= 0.985


def test_too_little_data_is_a_reason() -> None:
    y, x, labels = np.array([1.0, 0, 1, 0]), DESIGN, np.zeros(4)
    assert "fewer than three" in fit_logistic(y, x, labels).reason
    same = np.tile([1.0, 1.0], (12, 1))
    assert "missing" in fit_logistic(np.tile([0.0, 1], 6), same, np.arange(12)).reason
