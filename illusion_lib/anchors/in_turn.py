"""What differs for estimators that ask each model other items? `ask` and `assess` stand first."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from illusion_lib.anchors.base import AnchorEstimator, Respond
from illusion_lib.anchors.matrix import FloatArray, IntArray


@dataclass(eq=False)
class InTurn(AnchorEstimator):
    """An estimator whose next item depends on the answers so far.

    `ask`, `ask_interval`, `assess` and `assess_interval` ask in turn. `anchors_`, `predict` and
    `interval` are its fixed form, for where all items must be known beforehand. Each form's
    intervals come from its own errors on held-out training models.
    """

    @abstractmethod
    def ask(self, respond: Respond) -> float:
        """Put items to one new model, each chosen by its answers so far, and estimate its score."""

    @abstractmethod
    def assess(self, scores: FloatArray) -> FloatArray:
        """Estimate models (rows) whose answers are at hand, each with items of its own."""

    def ask_interval(
        self, respond: Respond, level: float = 0.9, shift: bool = False
    ) -> tuple[float, float, float]:
        """Return estimate, low and high of one new model, asked in turn."""
        below, above = self._error_quantiles(self._reassess, level, shift)
        estimate = self.ask(respond)
        return estimate, max(0.0, estimate + below), min(1.0, estimate + above)

    def assess_interval(
        self, scores: FloatArray, level: float = 0.9, shift: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return intervals around the estimates of `assess`."""
        below, above = self._error_quantiles(self._reassess, level, shift)
        estimate = self.assess(scores)
        return np.clip(estimate + below, 0, 1), np.clip(estimate + above, 0, 1)

    def _reassess(self, train: IntArray, test: IntArray) -> FloatArray:
        return self._fitted_on(train).assess(self.training_.scores[test])
