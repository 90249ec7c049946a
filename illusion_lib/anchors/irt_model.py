"""How likely is a model of some ability to solve an item? The two-parameter logistic model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from illusion_lib.anchors.matrix import FloatArray, IntArray

SLOPE_SD, EASE_SD = 1.0, 3.0
"""Prior standard deviations of slopes and intercepts; abilities have 1."""
CACHED = 20_000
"""Answers worked on at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True)
class TwoParameter:
    """P(model solves item i) = sigmoid(slopes_i · ability + ease_i).

    Attributes
    ----------
    slopes
        float (items, dimensions): discrimination; may be negative.
    ease
        float (items,): log-odds at ability 0. In one dimension, difficulty = -ease / slope.
    """

    slopes: FloatArray
    ease: FloatArray

    def probability(self, ability: FloatArray) -> FloatArray:
        """Return float (models, items) for abilities float (models, dimensions)."""
        return np.asarray(expit(ability @ self.slopes.T + self.ease))

    def ability(self, answers: FloatArray, items: IntArray | slice = slice(None)) -> FloatArray:
        """Return the most likely abilities a posteriori.

        Parameters
        ----------
        answers
            float (models, n): scores on `items`; a score in between counts as a share of wins.
        items
            Which items those are; all if not given.

        Returns
        -------
        float (models, dimensions)
        """
        x, offset = self.slopes[items], self.ease[items]
        start = np.zeros((len(answers), x.shape[1]))
        prior = np.ones(x.shape[1])
        return _logistic_ridge(x, offset, answers, start, prior, rounds=25)


def fit_two_parameter(
    scores: FloatArray, dimensions: int = 1, rounds: int = 25, tolerance: float = 2e-3
) -> tuple[TwoParameter, FloatArray]:
    """Fit the model to a response matrix by alternating Newton steps.

    Parameters
    ----------
    scores
        float (models, items) in [0, 1]; scores in between count as shares of wins, so nothing is
        thresholded.
    dimensions
        Of ability.
    rounds, tolerance
        Alternations at most, and the mean change of ability below which they stop.

    Returns
    -------
    model
        TwoParameter
    ability
        float (models, dimensions), standardised.

    Notes
    -----
    The joint mode under ability ~ N(0, 1), slope ~ N(0, `SLOPE_SD`^2), ease ~ N(0, `EASE_SD`^2).
    It starts from the principal axes of the centred matrix, so it draws nothing at random.
    Polo et al. (2024) fit the same likelihood (with one difficulty per item) variationally.
    """
    n_models, n_items = scores.shape
    dimensions = min(dimensions, n_models, n_items)
    ability = _first_abilities(scores, dimensions)
    items, prior = _first_items(scores, dimensions)
    for _ in range(rounds):
        design = np.column_stack([ability, np.ones(n_models)])
        items = _logistic_ridge(design, np.zeros(n_models), scores.T, items, prior, rounds=2)
        slopes, ease = items[:, :-1], items[:, -1]
        moved = _logistic_ridge(slopes, ease, scores, ability, np.ones(dimensions), rounds=2)
        centre, spread = moved.mean(axis=0), np.maximum(moved.std(axis=0), 1e-6)
        change = float(np.abs((moved - centre) / spread - ability).mean())
        ability = (moved - centre) / spread
        items = np.column_stack([slopes * spread, ease + slopes @ centre])
        if change < tolerance:
            break
    return TwoParameter(items[:, :-1], items[:, -1]), ability


def fit_items(scores: FloatArray, ability: FloatArray) -> TwoParameter:
    """Fit slopes and intercepts to models of known ability: the item half of the mode above.

    Parameters
    ----------
    scores
        float (models, items).
    ability
        float (models, dimensions), standardised.
    """
    design = np.column_stack([ability, np.ones(len(ability))])
    start, prior = _first_items(scores, ability.shape[1])
    items = _logistic_ridge(design, np.zeros(len(design)), scores.T, start, prior, rounds=6)
    return TwoParameter(items[:, :-1], items[:, -1])


def _first_items(scores: FloatArray, dimensions: int) -> tuple[FloatArray, FloatArray]:
    """Return slopes of 0 beside the ease of every item, and the precisions of their priors."""
    items = np.zeros((scores.shape[1], dimensions + 1))  # slopes, then ease
    share = np.clip(scores.mean(axis=0), 0.02, 0.98)
    items[:, -1] = np.log(share / (1 - share))
    return items, np.concatenate([np.full(dimensions, SLOPE_SD**-2), [EASE_SD**-2]])


def _first_abilities(scores: FloatArray, dimensions: int) -> FloatArray:
    centred = scores - scores.mean(axis=0)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    axes = vectors[:, ::-1][:, :dimensions]
    # The sign of an eigenvector is arbitrary: better models come out positive.
    sign = np.where(axes.T @ scores.mean(axis=1) < 0, -1.0, 1.0)
    spread = np.maximum(axes.std(axis=0), 1e-9)
    first: FloatArray = sign * (axes - axes.mean(axis=0)) / spread
    return first


def _logistic_ridge(
    design: FloatArray,
    offset: FloatArray,
    answers: FloatArray,
    start: FloatArray,
    prior: FloatArray,
    rounds: int,
) -> FloatArray:
    """Newton steps of many logistic regressions that share a design.

    design (n, d), offset (n,), answers (problems, n), start (problems, d), prior (d,) precisions.
    Steps are shortened to length 2 and halved where the penalised likelihood falls. The problems
    are solved a few at a time, as many as fit a processor's cache.
    """
    many = max(1, CACHED // len(design))
    parts = [slice(low, low + many) for low in range(0, len(start), many)]
    solved = [_few(design, offset, answers[part], start[part], prior, rounds) for part in parts]
    return np.concatenate(solved)


def _few(
    design: FloatArray,
    offset: FloatArray,
    answers: FloatArray,
    start: FloatArray,
    prior: FloatArray,
    rounds: int,
) -> FloatArray:
    weights = start
    value, p = _log_posterior(design, offset, answers, weights, prior)  # p (problems, n)
    outer = np.einsum("na,nb->nab", design, design).reshape(len(design), -1)  # (n, d * d)
    d = design.shape[1]
    for _ in range(rounds):
        gradient = (answers - p) @ design - prior * weights  # (problems, d)
        curvature = ((p * (1 - p)) @ outer).reshape(-1, d, d) + np.diag(prior)
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        step = step * np.minimum(1, 2 / np.maximum(length, 1e-12))
        for _ in range(6):
            tried, there = _log_posterior(design, offset, answers, weights + step, prior)
            worse = tried < value - 1e-9
            if not worse.any():
                break
            step[worse] /= 2
        kept = ~worse[:, None]
        weights = np.where(kept, weights + step, weights)
        p = there if kept.all() else np.where(kept, there, p)
        value = np.maximum(tried, value)
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def _log_posterior(
    design: FloatArray,
    offset: FloatArray,
    answers: FloatArray,
    weights: FloatArray,
    prior: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return float (problems,), up to a constant, and the probabilities, float (problems, n)."""
    logit = weights @ design.T + offset
    small = np.exp(-np.abs(logit))  # one exponential for both the likelihood and the probability
    beyond = np.log(1 + small) + np.maximum(logit, 0)
    likelihood = np.einsum("pn,pn->p", answers, logit) - beyond.sum(axis=1)
    posterior: FloatArray = likelihood - 0.5 * (prior * weights**2).sum(axis=1)
    return posterior, np.where(logit > 0, 1, small) / (1 + small)
