"""What wins? Shrunken selection with exchanges, read by a factor line and a kernel on the rest.

A line cannot know what lies beyond the models that taught it; there Rasch's model takes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.factors import fit_factors, shrunk_equations
from illusion_lib.anchors.kernel import fit_curve
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.rasch import EvenRasch
from illusion_lib.anchors.selection import exchange, forward
from illusion_lib.anchors.shifted import Shifted
from illusion_lib.anchors.training import Training

HANDOVER = 0.5
"""How far beyond all training models' mean answers, in their standard deviations, the reading is
wholly Rasch's."""


@dataclass(eq=False)
class Best(AnchorEstimator):
    """Forward selection and exchanges in a shrunken covariance, then a line plus a curve.

    1. A factor model of the items is fitted to the training models.
    2. Items are chosen one by one, then swapped while it helps, to leave least of the target
       unexplained under a mixture of the sample's covariance and the factor model's.
    3. The factor model's line reads the anchors; kernel ridge regression (linear and Gaussian,
       tuned by leave-one-out) reads what the line leaves.
    4. A new model whose mean answer is below or above that of every training model is handed over
       to Rasch's model (`EvenRasch`), the further the more: where there is nothing to learn from,
       one shift of all items errs less than a line drawn on.

    Parameters
    ----------
    shrinkage
        Share of the factor model in the covariance, between 0 and 1.
    rank
        Factors at most.

    Attributes
    ----------
    swaps_
        Exchanges made after forward selection.
    """

    shrinkage: float = 0.6
    rank: int = 20

    label: ClassVar[str] = "best"
    calibration_folds: ClassVar[int] = 5

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        scores, target = training.scores, training.target
        self._factors = fit_factors(scores, target, training.plain, self.rank)
        equations = shrunk_equations(scores, target, self._factors, self.shrinkage)
        anchors, self.swaps_ = exchange(equations, forward(equations, self.n_anchors))
        return anchors

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self._weights, self._intercept = self._factors.line(self.anchors_)
        self.curve_ = fit_curve(answers, training.target - self._line(answers))
        means = answers.mean(axis=1)
        self._reach = (float(means.min()), float(means.max()), float(means.std()))
        self._beyond = EvenRasch(self.n_anchors, self.seed)
        self._beyond.adopt(training, self.anchors_)

    def _line(self, answers: FloatArray) -> FloatArray:
        guess: FloatArray = self._intercept + answers @ self._weights
        return guess

    def _read(self, answers: FloatArray) -> FloatArray:
        within = self._line(answers) + self.curve_(answers)
        beyond = self._beyond.predict(answers)
        return within + self._handed_over(answers) * (beyond - within)

    def _handed_over(self, answers: FloatArray) -> FloatArray:
        """Return float (models,) in [0, 1]: 0 within the training models' mean answers."""
        lowest, highest, spread = self._reach
        means = answers.mean(axis=1)
        outside = np.maximum(lowest - means, means - highest)
        share: FloatArray = np.clip(outside / max(HANDOVER * spread, 1e-9), 0, 1)
        return share


def best(n_anchors: int = 50, seed: int = 0, shift: bool = False) -> AnchorEstimator:
    """Return our best estimator, unfitted.

    Parameters
    ----------
    n_anchors, seed
        As for every estimator.
    shift
        False: the new models are like the training models, and what those teach is used to the
        full. True: they may be better, worse or otherwise unlike all of them. The training models
        cannot tell which holds, and no one choice of items serves both, so the user must say.
    """
    return (Shifted if shift else Best)(n_anchors=n_anchors, seed=seed)
