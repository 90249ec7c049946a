"""How wrong may an estimate be? Prediction intervals from training models held out of the fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.special import ndtri

from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training

ErrorQuantiles: TypeAlias = tuple[float, float]
Refit: TypeAlias = Callable[[IntArray, IntArray], FloatArray]
"""Estimates of the training rows `test` by a fit on the rows `train`."""


def error_quantiles(
    refit: Refit, training: Training, level: float, shift: bool, folds: int = 10
) -> ErrorQuantiles:
    """Return what to add to an estimate for the ends of its interval.

    Parameters
    ----------
    refit
        Fits the whole pipeline, selection included, on some rows and estimates others.
    training
        The training models.
    level
        Nominal coverage.
    shift
        Whether the new model may lie beyond the training models.
    folds
        Held-out parts; leave-one-out where there are fewer models.

    Returns
    -------
    below, above
        below <= 0 <= above, in score units.

    Notes
    -----
    Without shift this is the cross-conformal (K-fold jackknife) interval of Vovk (2015) with
    whole-pipeline refits: every error is of a model that neither selection nor read-out has seen.
    The jackknife+ of Barber et al. (2021) would need the new model's answers on every fold's own
    anchors, which it has not given. With shift, errors are from fits on the worse half judged on
    the best 30 %, and the reverse; the interval is symmetric in the greater of the two tails.
    """
    parts = shift_folds(training.target) if shift else held_out_folds(len(training.target), folds)
    errors = [training.target[test] - refit(train, test) for train, test in parts]
    if shift:
        bound = max(conformal_quantile(np.abs(part), level) for part in errors)
        return -bound, bound
    bound = conformal_quantile(np.abs(np.concatenate(errors)), level)
    return -bound, bound


def conformal_quantile(errors: FloatArray, level: float) -> float:
    """Return the ceil((n + 1) level)-th smallest absolute error; 1 where n is too small for it.

    With exchangeable errors the next one is at most this with probability >= `level`
    (Vovk et al. 2005). Scores lie in [0, 1], so 1 is the honest answer when n < level/(1-level).
    """
    n = len(errors)
    rank = int(np.ceil((n + 1) * level - 1e-9))
    return 1.0 if rank > n else float(np.sort(errors)[rank - 1])


def held_out_folds(n_models: int, folds: int) -> list[tuple[IntArray, IntArray]]:
    """Split the rows into at most `folds` held-out parts (fixed shuffle), each with its rest."""
    order = np.random.default_rng(0).permutation(n_models)
    parts = np.array_split(order, min(folds, n_models))
    return [(np.setdiff1d(order, part), np.sort(part)) for part in parts]


def shift_folds(target: FloatArray) -> list[tuple[IntArray, IntArray]]:
    """Return (worse half, best 30 %) and (better half, worst 30 %) of the rows by `target`."""
    order = np.argsort(target, kind="stable")
    n = len(order)
    half, tail = max(2, n // 2), max(1, round(0.3 * n))
    refuse(n < 4, f"{n} training models; an interval under shift needs at least 4")
    return [(order[:half], order[n - tail :]), (order[n - half :], order[:tail])]


def wilson_interval(share: FloatArray, n: float, level: float) -> tuple[FloatArray, FloatArray]:
    """Return Wilson's score interval of a mean of `n` values in [0, 1].

    Exact score inversion for 0/1 values (Wilson 1927), conservative for values in between.
    `n` may be fractional: sampling without replacement from I items acts like
    K (I - 1) / (I - K) draws.
    """
    if np.isinf(n):
        return share, share
    z = float(ndtri(0.5 + level / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)
