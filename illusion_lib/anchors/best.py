"""What wins? Shrunken selection with exchanges, read by a factor line and a kernel on the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from illusion_lib.anchors.base import AnchorEstimator, Training
from illusion_lib.anchors.factors import fit_factors, shrunk_equations
from illusion_lib.anchors.kernel import fit_curve
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.selection import exchange, forward
from illusion_lib.anchors.shifted import Shifted


@dataclass(eq=False)
class Best(AnchorEstimator):
    """Forward selection and exchanges in a shrunken covariance, then a line plus a curve.

    1. A factor model of the items is fitted to the training models.
    2. Items are chosen one by one, then swapped while it helps, to leave least of the target
       unexplained under a mixture of the sample's covariance and the factor model's.
    3. The factor model's line reads the anchors; kernel ridge regression (linear and Gaussian,
       tuned by leave-one-out) reads what the line leaves.

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

    def _line(self, answers: FloatArray) -> FloatArray:
        guess: FloatArray = self._intercept + answers @ self._weights
        return guess

    def _read(self, answers: FloatArray) -> FloatArray:
        return self._line(answers) + self.curve_(answers)


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
