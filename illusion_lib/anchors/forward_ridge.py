"""How far does greedy choice with a straight line go? Forward selection + ridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.linear import Line, fit_line
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.selection import Normal, forward
from illusion_lib.anchors.training import Training


@dataclass(eq=False)
class ForwardRidge(AnchorEstimator):
    """Items chosen one by one to lower the error of a ridge line, then that line.

    Parameters
    ----------
    penalty
        Of the selection, in units of the mean squared norm of a column; 0.001 is nearly none.
    """

    penalty: float = 1e-3

    label: ClassVar[str] = "forward selection + ridge"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        return forward(Normal.ridge(training.scores, training.target, self.penalty), self.n_anchors)

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self.line_: Line = fit_line(answers, training.target)

    def _read(self, answers: FloatArray) -> FloatArray:
        return self.line_(answers)
