"""How is a full score read off a few answers by a curve? Kernel ridge, linear plus Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from illusion_lib.anchors.matrix import FloatArray, IntArray

SHARES = (0.0, 0.5, 0.8, 0.95)
"""Shares of the Gaussian part tried; 0 is plain ridge."""
LENGTHS = (0.7, 1.0, 1.5)
"""Length scales tried, in units of the root mean squared distance of two training models."""
NOISES = np.logspace(-4, 2, 31)
"""Noise levels tried; the kernel's mean diagonal is 1."""
MAX_TUNING = 800
"""Hyper-parameters are tuned on at most so many models, evenly spaced by score."""


@dataclass(frozen=True)
class Kernel:
    """k(x, y) = (1 - share) x·y / unit + share exp(-|x - y|^2 / (2 (length * scale)^2)).

    Attributes
    ----------
    centre
        float (n_anchors,): training mean, subtracted before the linear part.
    unit, scale
        Mean squared norm of a centred training row, and its root times sqrt(2): the root mean
        squared distance of two rows.
    share, length
        Hyper-parameters.
    """

    centre: FloatArray
    unit: float
    share: float
    length: float

    def __call__(self, these: FloatArray, those: FloatArray) -> FloatArray:
        """Return float (n, m) for rows float (n, n_anchors) and (m, n_anchors)."""
        linear = (these - self.centre) @ (those - self.centre).T / self.unit
        if self.share == 0:
            return linear
        mixed: FloatArray = cdist(these, those, "sqeuclidean")
        mixed /= -2 * self.length**2 * (2 * self.unit)
        np.exp(mixed, out=mixed)
        mixed *= self.share
        linear *= 1 - self.share
        mixed += linear
        return mixed


@dataclass(frozen=True)
class Curve:
    """A fitted kernel ridge: estimate = mean + (k(x, rows) - means) @ coefficients.

    Attributes
    ----------
    rows
        float (models, n_anchors): the training answers.
    coefficients
        float (models,), summing to zero.
    intercept
        Added to every estimate.
    kernel, noise
        What was chosen.
    leave_one_out
        Root mean squared leave-one-out error of that choice on the tuning rows.
    """

    rows: FloatArray
    coefficients: FloatArray
    intercept: float
    kernel: Kernel
    noise: float
    leave_one_out: float

    def __call__(self, answers: FloatArray) -> FloatArray:
        """Read float (models, n_anchors) answers."""
        estimate: FloatArray = self.intercept + self.kernel(answers, self.rows) @ self.coefficients
        return estimate


def fit_curve(answers: FloatArray, target: FloatArray) -> Curve:
    """Fit kernel ridge regression, its hyper-parameters by leave-one-out.

    Parameters
    ----------
    answers
        float (models, n_anchors).
    target
        float (models,).

    Returns
    -------
    Curve

    Notes
    -----
    The intercept is unpenalised: kernel and target are centred. With the centred kernel
    U diag(s) U^T the hat matrix is 1/n + U diag(s / (s + noise)) U^T and the leave-one-out error
    e_m / (1 - H_mm), so one eigendecomposition serves all noise levels.
    """
    centre = answers.mean(axis=0)
    unit = float(((answers - centre) ** 2).sum(axis=1).mean()) or 1.0
    some = _tuning_rows(target)
    rows, wanted = answers[some], target[some]
    best = (np.inf, Kernel(centre, unit, 0.0, 1.0), float(NOISES[-1]))
    for share in SHARES:
        for length in LENGTHS if share else (1.0,):
            kernel = Kernel(centre, unit, share, length)
            losses = _leave_one_out(kernel(rows, rows), wanted)
            place = int(np.argmin(losses))
            if losses[place] < best[0] * (1 - 1e-9):
                best = (float(losses[place]), kernel, float(NOISES[place]))
    loss, kernel, noise = best
    return _solve(answers, target, kernel, noise, float(np.sqrt(loss)))


def _solve(
    answers: FloatArray, target: FloatArray, kernel: Kernel, noise: float, loss: float
) -> Curve:
    gram = kernel(answers, answers)
    means = _centre(gram)
    gap = target - target.mean()
    gram[np.diag_indices_from(gram)] += noise
    # The constant vector is in the kernel of the centred one; the solution sums to zero like `gap`.
    coefficients = np.linalg.solve(gram, gap)
    intercept = float(target.mean() - means @ coefficients)
    return Curve(answers, coefficients, intercept, kernel, noise, loss)


def _centre(gram: FloatArray) -> FloatArray:
    """Centre a kernel's square table in place, which saves copies of it; return its means."""
    means: FloatArray = gram.mean(axis=0)
    gram -= means
    gram -= means[:, None]
    gram += means.mean()
    return means


def _leave_one_out(gram: FloatArray, target: FloatArray) -> FloatArray:
    """Mean squared leave-one-out error at every noise level: float (noises,); centres `gram`."""
    n = len(target)
    _centre(gram)
    s, u = np.linalg.eigh(gram)
    gap = target - target.mean()
    keep = NOISES[:, None] / (np.maximum(s, 0) + NOISES[:, None])  # (noises, n)
    residual = (keep * (u.T @ gap)) @ u.T  # (noises, n)
    free = keep @ (u.T**2) - 1 / n  # 1 - H_mm; the constant direction has s = 0, keep = 1
    losses: FloatArray = ((residual / np.maximum(free, 1e-9)) ** 2).mean(axis=1)
    return losses


def _tuning_rows(target: FloatArray) -> IntArray:
    order: IntArray = np.argsort(target, kind="stable").astype(np.int64)
    if len(order) <= MAX_TUNING:
        return order
    places = np.linspace(0, len(order) - 1, MAX_TUNING).round().astype(np.int64)
    return np.asarray(order[places])
