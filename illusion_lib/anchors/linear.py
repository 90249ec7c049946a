"""How is a full score read off a few answers by a straight line? Ridge, its penalty by LOO."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from illusion_lib.anchors.matrix import FloatArray, refuse

PENALTIES = np.logspace(-3, 3, 25)
"""Penalties tried, in units of the mean squared norm of a centred column."""


@dataclass(frozen=True)
class Line:
    """A fitted line: estimate = intercept + answers @ weights.

    Attributes
    ----------
    weights, intercept
        float (n_anchors,) and a number.
    penalty
        The ridge penalty used.
    leave_one_out
        Root mean squared leave-one-out error on the training rows, in score units.
    """

    weights: FloatArray
    intercept: float
    penalty: float
    leave_one_out: float

    def __call__(self, answers: FloatArray) -> FloatArray:
        """Read float (models, n_anchors) answers."""
        estimate: FloatArray = self.intercept + answers @ self.weights
        return estimate


def fit_line(answers: FloatArray, target: FloatArray, penalties: FloatArray | None = None) -> Line:
    """Fit ridge regression with an unpenalised intercept, its penalty by leave-one-out.

    Parameters
    ----------
    answers
        float (models, n_anchors).
    target
        float (models,).
    penalties
        Absolute penalties to choose from; by default `PENALTIES` times the mean squared norm of a
        centred column.

    Returns
    -------
    Line

    Notes
    -----
    Minimises |t - a - X w|^2 + penalty |w|^2. With X = U S V^T centred, the hat matrix is
    H = 1/n + U diag(s^2 / (s^2 + penalty)) U^T and the leave-one-out error of row m is
    e_m / (1 - H_mm) (Golub, Heath & Wahba 1979), so all penalties cost one SVD.
    """
    n = len(target)
    refuse(n < 2, f"{n} model(s); a line needs at least 2")
    centre, mean = answers.mean(axis=0), float(target.mean())
    u, s, vt = np.linalg.svd(answers - centre, full_matrices=False)  # (n, r), (r,), (r, k)
    if penalties is None:
        unit = float((s**2).sum()) / max(answers.shape[1], 1)
        penalties = PENALTIES * (unit if unit > 0 else 1.0)
    scores = u.T @ (target - mean)  # (r,)
    shrink = s**2 / (s**2 + penalties[:, None])  # (penalties, r)
    residual = (target - mean) - (shrink * scores) @ u.T  # (penalties, n)
    leverage = 1 / n + shrink @ (u.T**2)  # (penalties, n)
    loss = ((residual / np.maximum(1 - leverage, 1e-9)) ** 2).mean(axis=1)
    # The greatest penalty among the best: with ties (no signal at all) nothing is fitted.
    best = len(loss) - 1 - int(np.argmin(np.round(loss[::-1] / max(loss.max(), 1e-300), 12)))
    penalty = float(penalties[best])
    weights = vt.T @ (s / (s**2 + penalty) * scores)
    return Line(weights, mean - float(centre @ weights), penalty, float(np.sqrt(loss[best])))
