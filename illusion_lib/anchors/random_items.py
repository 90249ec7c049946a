"""How good are items drawn at random? Their plain mean, and a ridge line through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.intervals import wilson_interval
from illusion_lib.anchors.linear import Line, fit_line
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training


def draw_stratified(
    strata: Sequence[str], n_anchors: int, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Draw items from every stratum in proportion to its size.

    Parameters
    ----------
    strata
        The stratum of every item.
    n_anchors
        Items to draw.
    rng
        Source of the draw.

    Returns
    -------
    anchors
        int (n_anchors,).
    weights
        float (n_anchors,): stratum share divided by its draws, summing to 1. A stratum too small
        for a draw of its own is left to the others.
    """
    names, member = np.unique(np.asarray(strata), return_inverse=True)
    share = np.bincount(member) / len(member)
    # Largest remainders: whole parts first, then one more where the remainder is greatest.
    count = np.floor(share * n_anchors).astype(int)
    rest = share * n_anchors - count
    count[np.argsort(-rest, kind="stable")[: n_anchors - count.sum()]] += 1
    anchors: list[int] = []
    weights: list[float] = []
    for stratum in range(len(names)):
        if count[stratum]:
            items = np.flatnonzero(member == stratum)
            anchors += rng.choice(items, count[stratum], replace=False).tolist()
            weights += [float(share[stratum] / count[stratum])] * int(count[stratum])
    return np.array(anchors), np.array(weights) / sum(weights)


@dataclass(eq=False)
class RandomMean(AnchorEstimator):
    """The mean of items drawn uniformly, or in proportion to strata: knows nothing of models.

    Its interval is of the draw, not of the models: it holds under any shift of models.

    Parameters
    ----------
    strata
        The stratum (sub-benchmark) of every item; None draws from all alike.
    """

    strata: Sequence[str] | None = None

    label: ClassVar[str] = "random mean"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        n_items = training.scores.shape[1]
        self._weights = np.full(self.n_anchors, 1 / self.n_anchors)
        if self.strata is None:
            return rng.choice(n_items, self.n_anchors, replace=False)
        refuse(len(self.strata) != n_items, f"{len(self.strata)} strata for {n_items} items")
        anchors, self._weights = draw_stratified(self.strata, self.n_anchors, rng)
        return anchors

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self._n_items = training.scores.shape[1]

    def _read(self, answers: FloatArray) -> FloatArray:
        mean: FloatArray = answers @ self._weights
        return self._from_mean(mean)

    def interval(
        self, answers: ArrayLike, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return the sampling interval (Wilson, finite population); `shift` changes nothing.

        Where the target is not the row mean, the training models' intervals are all there is.
        """
        if not self.training_.plain:
            return super().interval(answers, level, shift)
        refuse(not 0 < level < 1, f"level must lie between 0 and 1, got {level}")
        share = self._complete(answers) @ self._weights
        drawn, items = 1 / float((self._weights**2).sum()), self._n_items
        effective = drawn * (items - 1) / (items - drawn) if drawn < items else np.inf
        return wilson_interval(share, effective, level)


@dataclass(eq=False)
class RandomRidge(AnchorEstimator):
    """Items drawn uniformly, read by a ridge line: the strongest simple baseline.

    Zhang, Dorner & Hardt (2025, arXiv 2506.07673) found that it beats most methods wherever the
    new model resembles the training models.
    """

    label: ClassVar[str] = "random + ridge"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        return rng.choice(training.scores.shape[1], self.n_anchors, replace=False)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self.line_: Line = fit_line(answers, training.target)

    def _read(self, answers: FloatArray) -> FloatArray:
        return self.line_(answers)
