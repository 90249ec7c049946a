"""Both estimators against closed forms, an independent likelihood and planted effects."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

from illusion_lib.divergence import gap, interactions, outcomes, pairs, sparsity_models
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


def test_effect_equals_the_difference_in_differences(planted) -> None:
    paired = pairs(outcomes(planted(n=100, languages=("en", "es"))))
    table = interactions(paired)
    row = table[table["language"] == "all"].iloc[0]
    expected = gap(paired, "difference_in_differences")
    assert row["effect"] == pytest.approx(expected.value, abs=1e-6)
    assert row["effect_low"] == pytest.approx(expected.low, abs=0.03)
    assert row["effect_high"] == pytest.approx(expected.high, abs=0.03)
    assert row["odds_ratio"] > row["odds_low"] > 1


def test_estimators_agree_on_the_sign(planted) -> None:
    paired = pairs(outcomes(planted(n=60)))
    mixed = interactions(paired, "mixed")
    assert mixed["language"].tolist() == ["all"]
    assert mixed["odds_low"].iloc[0] > 1
    assert mixed["effect_low"].iloc[0] > 0


def test_separation_is_a_reason_not_a_number(planted) -> None:
    dead = planted(n=40, cells={"magnitude-s080": ("magnitude", 0.8, 0.5, 0.0)})
    table = interactions(pairs(outcomes(dead)))
    assert set(table["reason"]) == {"separation: produces is all wrong"}
    assert table["odds_ratio"].isna().all()
    perfect = planted(n=20, know=2.0, say=2.0, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    assert interactions(pairs(outcomes(perfect)))["reason"].notna().all()


def test_too_little_data_is_a_reason() -> None:
    y, x, labels = np.array([1.0, 0, 1, 0]), DESIGN, np.zeros(4)
    assert "fewer than three" in fit_logistic(y, x, labels).reason
    same = np.tile([1.0, 1.0], (12, 1))
    assert "missing" in fit_logistic(np.tile([0.0, 1], 6), same, np.arange(12)).reason


def test_sparsity_model_finds_the_planted_order(planted) -> None:
    cells = {
        "wanda-s030": ("wanda", 0.3, 0.98, 0.8),
        "wanda-s050": ("wanda", 0.5, 0.95, 0.4),
        "sparsegpt-s030": ("sparsegpt", 0.3, 0.98, 0.97),
        "sparsegpt-s050": ("sparsegpt", 0.5, 0.95, 0.9),
    }
    paired = pairs(outcomes(planted(n=120, languages=("en", "es"), cells=cells)))
    table = sparsity_models(paired).set_index(["method", "language"])
    assert len(table) == 6
    wanda, sparsegpt = table.loc[("wanda", "all")], table.loc[("sparsegpt", "all")]
    assert wanda["odds_low"] > 1
    assert wanda["odds_ratio"] > sparsegpt["odds_ratio"]
    assert wanda["effect_low"] > 0
    both = np.sqrt(
        table.loc[("wanda", "en"), "odds_ratio"] * table.loc[("wanda", "es"), "odds_ratio"]
    )
    assert both == pytest.approx(wanda["odds_ratio"])


def test_sparsity_model_with_one_language_and_one_cell(planted) -> None:
    table = sparsity_models(pairs(outcomes(planted(n=60))))
    assert table["language"].tolist() == ["all", "en"]
    assert table["odds_ratio"].nunique() == 1
    assert isinstance(table, pd.DataFrame)
