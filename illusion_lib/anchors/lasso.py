"""Which items does an L1 penalty keep? The lasso path, cut where K items are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.linear_model import Lasso

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.linear import fit_line
from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.selection import Normal, forward
from illusion_lib.anchors.training import Training

STEPS = np.logspace(-0.02, -3.5, 80)
"""Penalties tried, in units of the least one that keeps no item."""


@dataclass(eq=False)
class LassoRidge(AnchorEstimator):
    """Items with non-zero weight at the last lasso penalty that keeps at most K; then ridge.

    Where the path jumps past K or never reaches it, the rest is chosen by forward selection on
    what the kept items leave unexplained, and noted. The final ridge undoes the lasso's shrinkage
    (the relaxed lasso).
    """

    label: ClassVar[str] = "lasso"

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        columns = training.scores - training.scores.mean(axis=0)
        target = training.target - training.target.mean()
        kept = self._path(columns, target)
        short = self.n_anchors - len(kept)
        if not short:
            return kept
        self.note(f"lasso kept {len(kept)} items; {short} added by forward selection")
        if len(kept):
            target = target - fit_line(columns[:, kept], target)(columns[:, kept])
        wanted = min(self.n_anchors + len(kept), columns.shape[1])
        order = forward(Normal.ridge(columns, target, 1e-2), wanted)
        return np.concatenate([kept, order[~np.isin(order, kept)][:short]])

    def _path(self, columns: FloatArray, target: FloatArray) -> IntArray:
        """Items kept by the least penalty that keeps at most ``n_anchors``."""
        top = float(np.abs(columns.T @ target).max()) / len(target)
        kept: IntArray = np.array([], dtype=np.int64)
        if top == 0:
            return kept
        lasso = Lasso(fit_intercept=False, warm_start=True, tol=1e-3, max_iter=5000)
        for step in STEPS:
            weights = lasso.set_params(alpha=top * step).fit(columns, target).coef_
            active = np.flatnonzero(np.abs(weights) > 1e-12)
            if len(active) > self.n_anchors:
                break
            kept = active
            if len(active) == self.n_anchors:
                break
        return kept

    def _learn(self, training: Training, answers: FloatArray) -> None:
        self.line_ = fit_line(answers, training.target)

    def _read(self, answers: FloatArray) -> FloatArray:
        return self.line_(answers)
