"""Which items are the middles of groups? K-medoids by swaps that lower the total distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.anchors.matrix import FloatArray, IntArray


def k_medoids(
    distance: FloatArray, k: int, rng: np.random.Generator, fixed: ArrayLike = ()
) -> IntArray:
    """Choose `k` medoids.

    Parameters
    ----------
    distance
        float (items, items), symmetric; zero on the diagonal.
    k
        How many medoids, the fixed ones included.
    rng
        Draws the first medoids.
    fixed
        Medoids that stay.

    Returns
    -------
    int (k,)
        The fixed ones first. No swap of one free medoid lowers the total distance of items to
        their nearest medoid.

    Notes
    -----
    FasterPAM (Schubert & Rousseeuw 2021): each candidate is tried against all medoids at once
    from every item's nearest and second nearest medoid, and swapped in at once if that helps.
    """
    n = len(distance)
    kept = np.asarray(fixed, dtype=np.int64)
    others = np.setdiff1d(np.arange(n), kept)
    free = k - len(kept)
    medoids = np.concatenate([kept, rng.choice(others, free, replace=False)])
    if free == 0 or k == n:
        return medoids
    nearest, first, second = _nearest_two(distance, medoids)
    scale = max(float(first.sum()), 1e-12)
    tried_in_vain, candidate = 0, 0
    while tried_in_vain < n:
        if candidate not in medoids:
            slot, change = _best_swap(distance[candidate], nearest, first, second, k, len(kept))
            if change < -1e-9 * scale:
                medoids[slot] = candidate
                nearest, first, second = _nearest_two(distance, medoids)
                tried_in_vain = 0
        tried_in_vain += 1
        candidate = (candidate + 1) % n
    return medoids


def _nearest_two(
    distance: FloatArray, medoids: IntArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Slot of each item's nearest medoid, its distance, and that of the second nearest."""
    to = distance[:, medoids]  # (items, k)
    nearest = np.argmin(to, axis=1)
    rows = np.arange(len(to))
    first = to[rows, nearest]
    to[rows, nearest] = np.inf
    second = to.min(axis=1)
    return nearest, first, np.where(np.isinf(second), 1e300, second)


def _best_swap(
    to: FloatArray, nearest: IntArray, first: FloatArray, second: FloatArray, k: int, kept: int
) -> tuple[int, float]:
    """Return the free slot whose replacement by the candidate changes the total least.

    `to` is float (items,), the candidate's distances.
    """
    joined = np.minimum(to - first, 0.0)  # gain of the candidate beside all medoids
    lost = np.minimum(to, second) - first - joined  # what dropping the nearest adds to that
    change = np.bincount(nearest, weights=lost, minlength=k) + joined.sum()
    change[:kept] = np.inf
    slot = int(np.argmin(change))
    return slot, float(change[slot])
