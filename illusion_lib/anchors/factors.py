"""What do items share, and what is each item's own? A factor model of the response matrix.

With few models the sample covariance of items is mostly noise. A low-rank part plus a diagonal
has far fewer numbers to learn; mixing it in is the shrinkage that `Best` chooses and reads by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from illusion_lib.anchors.matrix import FloatArray, IntArray
from illusion_lib.anchors.selection import Normal

OVERSAMPLE = 5
FLOOR = 0.05
"""Least share of an item's variance that is its own."""


@dataclass(frozen=True)
class Factors:
    """Covariance of items = loadings loadings^T + diag(own).

    Attributes
    ----------
    loadings
        float (items, rank).
    own
        float (items,), positive: variance that an item shares with no other.
    target
        float (rank,): the target's loadings.
    centre
        float (items,): item means over the training models.
    mean
        Of the target.
    own_share
        What an item's own part adds to the target: 1 / items where the target is the row mean.
    """

    loadings: FloatArray
    own: FloatArray
    target: FloatArray
    centre: FloatArray
    mean: float
    own_share: float

    def line(self, anchors: IntArray) -> tuple[FloatArray, float]:
        """Return weights (k,) and intercept of the best linear guess from `anchors`."""
        part = self.loadings[anchors]
        covariance = part @ part.T + np.diag(self.own[anchors])
        shared = part @ self.target + self.own_share * self.own[anchors]
        weights = np.asarray(np.linalg.solve(covariance, shared), dtype=np.float64)
        return weights, self.mean - float(self.centre[anchors] @ weights)


def fit_factors(
    scores: FloatArray, target: FloatArray, plain: bool, rank: int = 20, rounds: int = 12
) -> Factors:
    """Fit the factor model.

    Parameters
    ----------
    scores, target
        float (models, items) and (models,).
    plain
        Whether the target is the row mean of `scores`.
    rank
        Factors at most; never more than a quarter of the models.
    rounds
        Of subspace iteration, with the items' own variances brought up to date in each.

    Notes
    -----
    Iterated principal factors: the leading right singular vectors of the standardised matrix
    (items divided by the root of their own variance), eigenvalues reduced by the noise's 1. Memory
    is O((models + items) rank) beyond the matrix, time O(rounds models items rank).
    """
    n_models, n_items = scores.shape
    rank = max(1, min(rank, n_models // 4, n_items - 1))
    centre, mean = scores.mean(axis=0), float(target.mean())
    variance = np.maximum(scores.var(axis=0), 0)
    own = 0.7 * variance + 1e-4
    wide = min(rank + OVERSAMPLE, n_models, n_items)
    basis = np.random.default_rng(0).normal(size=(n_items, wide))
    for _ in range(rounds):
        scale = np.sqrt(own)
        seed = basis / scale[:, None]
        left, _ = np.linalg.qr(scores @ seed - centre @ seed)  # (models, wide)
        image = scores.T @ left - centre[:, None] * left.sum(axis=0)  # (items, wide), unscaled
        basis, singular, turn = np.linalg.svd(image / scale[:, None], full_matrices=False)
        kept = np.maximum(singular[:rank] ** 2 / n_models - 1, 0)
        loadings = basis[:, :rank] * (np.sqrt(kept) * scale[:, None])
        own = np.maximum(variance - (loadings**2).sum(axis=1), FLOOR * variance + 1e-4)
    along = (left @ turn.T[:, :rank]).T @ (target - mean)  # (rank,): target on the factors
    towards = along * np.sqrt(kept) / np.maximum(singular[:rank], 1e-12)
    return Factors(loadings, own, towards, centre, mean, 1 / n_items if plain else 0.0)


def shrunk_equations(
    scores: FloatArray, target: FloatArray, factors: Factors, share: float
) -> Normal:
    """Return normal equations of the covariance (1 - share) sample + share factor model.

    The factors enter as `rank` pseudo-models below the models and the items' own variances as
    their penalties, so that selection needs nothing new.
    """
    n_models, n_items = scores.shape
    rank = factors.loadings.shape[1]
    gap = target - factors.mean
    columns = np.empty((n_models + rank, n_items))
    np.subtract(scores, factors.centre, out=columns[:n_models])
    columns[:n_models] *= np.sqrt(1 - share)
    columns[n_models:] = np.sqrt(share * n_models) * factors.loadings.T
    goal = np.concatenate([np.sqrt(1 - share) * gap, np.sqrt(share * n_models) * factors.target])
    penalty = share * n_models * factors.own
    products = columns.T @ goal + factors.own_share * penalty
    lengths = np.einsum("mi,mi->i", columns, columns)
    total = float(goal @ goal) + factors.own_share**2 * float(penalty.sum())
    return Normal(columns, products, lengths, penalty, total)
