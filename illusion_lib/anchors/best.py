"""What wins? Shrunken selection with exchanges, read by a factor line and a kernel on the rest.

A line cannot know what lies beyond the models that taught it; there Rasch's model takes over.
Where few items may be asked, each is better chosen by the answers so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from illusion_lib.anchors.base import AnchorEstimator, Respond
from illusion_lib.anchors.cloud import RespondEach, fit_cloud, sit
from illusion_lib.anchors.factors import fit_factors, shrunk_equations
from illusion_lib.anchors.in_turn import InTurn
from illusion_lib.anchors.kernel import fit_curve
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.rasch import EvenRasch
from illusion_lib.anchors.selection import exchange, forward
from illusion_lib.anchors.shifted import Shifted
from illusion_lib.anchors.training import Training

HANDOVER = 0.5
"""How far beyond all training models' mean answers, in their standard deviations, the reading is
wholly Rasch's."""
FEW = 40
"""Up to so many anchors `Best` asks in turn; a fixed choice of more tells more."""
TOGETHER = 100
"""Models that sit side by side, which bounds memory."""


@dataclass(eq=False)
class Best(InTurn):
    """Forward selection and exchanges in a shrunken covariance, then a line plus a curve.

    1. A factor model of the items is fitted to the training models.
    2. Items are chosen one by one, then swapped while it helps, to leave least of the target
       unexplained under a mixture of the sample's covariance and the factor model's.
    3. The factor model's line reads the anchors; kernel ridge regression (linear and Gaussian,
       tuned by leave-one-out) reads what the line leaves.
    4. A new model whose mean answer is below or above that of every training model is handed over
       to Rasch's model (`EvenRasch`), the further the more: where there is nothing to learn from,
       one shift of all items errs less than a line drawn on.

    That is the fixed form: `anchors_`, `predict` and `interval`. With at most `FEW` anchors, `ask`
    and `assess` choose each item by the answers so far instead, with the posterior of a `Cloud` of
    possible models, whose mean is the estimate. With more, both forms are the same.

    Parameters
    ----------
    shrinkage
        Share of the factor model in the covariance, between 0 and 1.
    rank
        Factors at most.
    in_turn
        False: `ask` and `assess` use the fixed form with few anchors too, and the fit is faster.

    Attributes
    ----------
    swaps_
        Exchanges made after forward selection.
    """

    shrinkage: float = 0.6
    rank: int = 20
    in_turn: bool = True

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
        if self._asks_in_turn:
            rng = np.random.default_rng(self.seed)
            self._cloud = fit_cloud(training.scores, rng)
            self._kinds = _kinds(training.scores, rng)

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

    def ask(self, respond: Respond) -> float:
        """Estimate one new model: in turn with at most `FEW` anchors, else by the fixed ones."""
        if not self._asks_in_turn:
            return AnchorEstimator.ask(self, respond)
        return float(self._sit(respond, 1)[0])

    def assess(self, scores: FloatArray) -> FloatArray:
        """Estimate models whose answers are at hand; see `ask`."""
        if not self._asks_in_turn:
            return AnchorEstimator.assess(self, scores)
        parts = np.array_split(np.asarray(scores), -(-len(scores) // TOGETHER))
        return np.concatenate([self._sit(partial(_taken, part), len(part)) for part in parts])

    @property
    def _asks_in_turn(self) -> bool:
        return self.in_turn and self.n_anchors <= FEW

    def _sit(self, respond: RespondEach, n_models: int) -> FloatArray:
        found = sit(self._cloud, respond, n_models, self.n_anchors, self._kinds)
        return np.clip(self._from_mean(found.mean), 0, 1)


def _kinds(scores: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return int (items,): equal for items that every training model answered alike.

    Told by a random sum of each column; comparing whole columns would sort copies of the matrix.
    """
    sums = np.round(rng.random(len(scores)) @ scores, 7)
    return np.unique(sums, return_inverse=True)[1].ravel()


def _taken(scores: FloatArray, items: IntArray) -> FloatArray:
    """Return each row's answer to its item."""
    answers: FloatArray = scores[np.arange(len(scores)), items]
    return answers


def best(n_anchors: int = 50, seed: int = 0, shift: bool = False) -> AnchorEstimator:
    """Return our best estimator, unfitted.

    `anchors_`, `predict` and `interval` are its fixed form: the items are known beforehand. `ask`
    and `assess` ask in turn where at most `FEW` items are wanted, which errs less.

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
