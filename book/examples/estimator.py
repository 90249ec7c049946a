"""Spread anchors: questions of the most uneven answers, read by a ridge line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from illusion_lib.anchors import AnchorEstimator, Training
from illusion_lib.anchors.linear import fit_line
from illusion_lib.anchors.matrix import FloatArray, IntArray


@dataclass(eq=False)
class SpreadAnchors(AnchorEstimator):
    """Ask the questions on which the training models differ most.

    A question that all models answer alike tells nothing. Intervals, gaps in the answers and
    refusals of malformed input come from `AnchorEstimator`.
    """

    label: ClassVar[str] = "spread"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        spread = training.scores.var(axis=0)  # (items,)
        tied = rng.random(len(spread))  # of equals, which comes first is drawn
        return np.lexsort((tied, -spread))[: self.n_anchors]

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self.line_ = fit_line(answers, training.target)

    def _read(self, answers: FloatArray) -> FloatArray:
        return self.line_(answers)
