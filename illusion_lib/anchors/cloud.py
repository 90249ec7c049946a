"""Which models are possible, and which item tells most about the score? A cloud of likely ones.

A cloud is many made-up models, each with its probability of solving every item. The new model's
answers weigh them (Bayes' rule); the next item is the one whose answer is expected to leave least
variance of the score among them. Both are exact sums over the cloud, whatever made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from illusion_lib.anchors.irt_model import TwoParameter, fit_items, fit_two_parameter
from illusion_lib.anchors.matrix import FloatArray, IntArray

DIMENSIONS = (1, 2, 3, 5)
"""Of ability. A few answers do not tell how many there are: each number makes its share."""
PER_DIMENSION = 500
"""Made-up models for each of them."""
WIDE, WIDE_SD = 0.2, 1.6
"""Share of them that is drawn wide, beyond the training models, and its standard deviation."""
NOTHING = 1e-30
"""A weight below it changes no sum, and would be a subnormal number in single precision."""
MODELS, ITEMS, ROUNDS = 400, 1000, 12
"""Training models and items that abilities are learnt from at most, and alternations."""

RespondEach = Callable[[IntArray], FloatArray]
"""Puts one item to each model: int (models,) -> float (models,)."""
Learnt: TypeAlias = list[tuple[TwoParameter, FloatArray]]
"""For each of `DIMENSIONS`, a model of all items and the abilities it was learnt with."""
_kept: dict[bytes, Learnt] | None = None  # see `learnt_once`


@dataclass(frozen=True)
class Cloud:
    """Made-up models, alike likely before the first answer.

    Attributes
    ----------
    probability
        float32 (cloud, items): of solving each item, inside (0, 1); single precision to save space.
    mean
        float (cloud,): their expected mean score.
    """

    probability: NDArray[np.float32]
    mean: FloatArray

    @classmethod
    def of(cls, probability: NDArray[np.floating[Any]]) -> Cloud:
        """Make a cloud of probabilities, kept off 0 and 1 so that no answer is impossible."""
        inside = np.asarray(probability, dtype=np.float32)
        inside = np.clip(inside, 1e-6, 1 - 1e-6, out=inside if inside is probability else None)
        return cls(inside, inside.mean(axis=1, dtype=np.float64))

    def worth(self, weights: FloatArray) -> FloatArray:
        """Return by how much each item's answer is expected to lower the variance of the score.

        Parameters
        ----------
        weights
            float (models, cloud), rows summing to one: the posterior of each new model.

        Returns
        -------
        float (models, items)

        Notes
        -----
        An answer splits the posterior in two with means m1 and m0 and weights p and 1 - p. The
        variance between them, p (1 - p) (m1 - m0)^2, is what is gained, and it equals
        cov(probability, score)^2 / (p (1 - p)): Bayesian c-optimal design (Chaloner & Verdinelli
        1995) without the usual linearisation.
        """
        gap = weights * (self.mean - (weights @ self.mean)[:, None])  # (models, cloud)
        solved, shared = (
            (_single(half) @ self.probability).astype(np.float64)  # (models, items)
            for half in (weights, gap)
        )
        gain: FloatArray = shared**2 / np.maximum(solved * (1 - solved), 1e-7)
        return gain

    def evidence(self, items: IntArray, answers: FloatArray) -> FloatArray:
        """Return float (models, cloud): log-likelihood of one answer each; 0 where it is NaN."""
        p = self.probability[:, items].T.astype(np.float64)  # (models, cloud)
        given = answers[:, None]
        likelihood = given * np.log(p) + (1 - given) * np.log(1 - p)
        return np.where(np.isnan(given), 0, likelihood)

    def expected(self, weights: FloatArray, items: IntArray, answers: FloatArray) -> FloatArray:
        """Return float (models,): posterior mean score, the answers seen counting as they are.

        `items` and `answers` are (models, k).
        """
        score = weights @ self.mean
        for row, (asked, given) in enumerate(zip(items, answers, strict=True)):
            surprise = given - weights[row] @ self.probability[:, asked]  # (k,)
            score[row] += np.nansum(surprise) / self.probability.shape[1]
        return score


def _single(weights: FloatArray) -> NDArray[np.float32]:
    """Round to single precision; what is nearly 0 to 0, for processors are slow where it is not."""
    return np.where(np.abs(weights) < NOTHING, 0, weights).astype(np.float32)


def fit_cloud(scores: FloatArray, rng: np.random.Generator) -> Cloud:
    """Draw a cloud from item response models of several dimensions.

    Parameters
    ----------
    scores
        float (models, items): the training models.
    rng
        Of the draw.

    Notes
    -----
    Most of the cloud lies around the training models' abilities (a kernel density, Scott's width),
    a share is drawn wider. With many models or items the abilities are learnt from some, evenly
    spaced by score and by place; all items are then fitted to these models.
    """
    learnt = _learnt(scores)  # first: what it takes to learn is gone when the cloud is laid out
    cloud = np.empty((PER_DIMENSION * len(DIMENSIONS), scores.shape[1]), dtype=np.float32)
    for (model, ability), part in zip(learnt, np.split(cloud, len(DIMENSIONS)), strict=True):
        logit = _around(ability, rng).astype(np.float32) @ model.slopes.T.astype(np.float32)
        logit += model.ease.astype(np.float32)
        expit(logit, out=part)
    return Cloud.of(cloud)


def _learnt(scores: FloatArray) -> Learnt:
    order = np.argsort(scores.mean(axis=1), kind="stable")
    some = scores[order[np.linspace(0, len(order) - 1, min(MODELS, len(order))).astype(int)]]
    if _kept is None:
        return _learn(some)
    key = hashlib.sha256(some.tobytes()).digest()
    if key not in _kept:
        _kept[key] = _learn(some)
    return _kept[key]


def _learn(some: FloatArray) -> Learnt:
    step = -(-some.shape[1] // ITEMS)
    learnt = [fit_two_parameter(some[:, ::step], number, ROUNDS) for number in DIMENSIONS]
    return learnt if step == 1 else [(fit_items(some, ability), ability) for _, ability in learnt]


@contextmanager
def learnt_once() -> Iterator[None]:
    """Inside, what the same answers teach is learnt once, however many clouds are drawn of it.

    For comparing numbers of anchors on the same models. Seconds measured inside are not those of
    a fit by itself.
    """
    global _kept
    before, _kept = _kept, {}
    try:
        yield
    finally:
        _kept = before


def _around(ability: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return float (PER_DIMENSION, dimensions): abilities like these, and some beyond them."""
    n, dimensions = ability.shape
    noise = rng.normal(size=(PER_DIMENSION, dimensions))
    width = n ** (-1 / (dimensions + 4))
    near = ability[np.arange(PER_DIMENSION) % n] * np.sqrt(1 - width**2) + width * noise
    wide = rng.random(PER_DIMENSION) < WIDE
    return np.where(wide[:, None], WIDE_SD * noise, near)


@dataclass(frozen=True)
class Sittings:
    """What some models were asked in turn.

    Attributes
    ----------
    items, answers
        int and float (models, k), in the order asked.
    mean
        float (models,): their estimated mean scores.
    """

    items: IntArray
    answers: FloatArray
    mean: FloatArray


def sit(
    cloud: Cloud, respond: RespondEach, n_models: int, n_anchors: int, kinds: IntArray
) -> Sittings:
    """Ask models in turn, side by side; none sees another's answers.

    Parameters
    ----------
    cloud
        What is possible.
    respond
        Gives each model its item and returns the answers; NaN where one is missing.
    n_models, n_anchors
        How many sit, and how many items each is asked.
    kinds
        int (items,): items of one kind count as one question; a second one is asked only when no
        other kind is left.
    """
    rows = np.arange(n_models)
    evidence = np.zeros((n_models, len(cloud.mean)))
    asked = np.zeros((n_models, len(kinds)), dtype=bool)
    twins = np.zeros_like(asked)
    items, answers = (
        np.zeros((n_models, n_anchors), dtype=np.int64),
        np.zeros((n_models, n_anchors)),
    )
    for turn in range(n_anchors):
        worth = cloud.worth(_posterior(evidence))
        # Rounded, so that one model alone and many side by side agree on ties.
        worth = np.round(worth / np.maximum(worth.max(axis=1, keepdims=True), 1e-300), 4)
        pick = np.where(asked, -2, np.where(twins, worth - 1.5, worth)).argmax(axis=1)
        asked[rows, pick] = True
        twins |= kinds == kinds[pick][:, None]
        items[:, turn], answers[:, turn] = pick, respond(pick)
        evidence += cloud.evidence(pick, answers[:, turn])
    return Sittings(items, answers, cloud.expected(_posterior(evidence), items, answers))


def _posterior(evidence: FloatArray) -> FloatArray:
    weights = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    normal: FloatArray = weights / weights.sum(axis=1, keepdims=True)
    return normal
