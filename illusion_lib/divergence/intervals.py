"""Between which limits a share lies, and the difference of two shares of different items.

Closed forms: Wilson (1927) for one share, Newcombe (1998, method 10) for two independent ones.
Where items come in clusters (one fact in several languages) the number of items is replaced by
the effective number, and the normal quantile by Student's (Dean & Pagano 2015).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from illusion_lib.divergence.bootstrap import LEVEL, cluster_codes, cluster_totals


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Return the Wilson score limits of a share.

    Parameters
    ----------
    share
        Observed share, in [0, 1].
    n
        Number of items it comes from; may be an effective, fractional one; positive.
    quantile
        Two-sided normal (or Student) quantile, 1.96 for 95 %.
    """
    spread = quantile**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def effective_items(hits: ArrayLike, clusters: ArrayLike) -> float:
    """Return the number of independent items that would tell as much about the share.

    Parameters
    ----------
    hits
        0/1 (items,).
    clusters
        Labels (items,).

    Returns
    -------
    float
        Items divided by the design effect (cluster-robust over binomial variance), never more
        than there are items. Where the share is 0 or 1, or there is one cluster only, nothing is
        known of the design effect and the number of clusters is returned.
    """
    x = np.asarray(hits, dtype=np.float64)
    totals = cluster_totals(np.column_stack([x, np.ones_like(x)]), clusters)  # (clusters, 2)
    count = totals.shape[0]
    if count == x.size:
        return float(x.size)
    share = x.mean()
    if count == 1 or share in (0.0, 1.0):
        return float(count)
    residual = totals[:, 0] - share * totals[:, 1]
    robust = count / (count - 1) * np.sum(residual**2) / x.size**2
    design_effect = robust / (share * (1 - share) / x.size)
    return float(x.size / max(design_effect, 1.0))


def share_interval(
    hits: ArrayLike, clusters: ArrayLike, level: float = LEVEL
) -> tuple[float, float] | None:
    """Return the limits of the share of hits, or None without items.

    Parameters
    ----------
    hits
        0/1 (items,).
    clusters
        Labels (items,); all different where items are independent.
    level
        Coverage aimed at.
    """
    x = np.asarray(hits, dtype=np.float64)
    if x.size == 0:
        return None
    index = cluster_codes(clusters)
    quantile = _quantile(x.size, int(index.max()) + 1, level)
    return wilson(float(x.mean()), effective_items(x, index), quantile)


def share_difference(
    hits: ArrayLike,
    clusters: ArrayLike,
    other_hits: ArrayLike,
    other_clusters: ArrayLike,
    level: float = LEVEL,
) -> tuple[float, float] | None:
    """Return the limits of the difference of the shares of two separate groups of items.

    Newcombe's hybrid of two Wilson intervals; None where a group is empty.
    """
    own = share_interval(hits, clusters, level)
    other = share_interval(other_hits, other_clusters, level)
    if own is None or other is None:
        return None
    p, q = float(np.asarray(hits).mean()), float(np.asarray(other_hits).mean())
    below = np.hypot(p - own[0], other[1] - q)
    above = np.hypot(own[1] - p, q - other[0])
    return float(p - q - below), float(p - q + above)


def _quantile(items: int, count: int, level: float) -> float:
    tail = (1 + level) / 2
    if count == items:
        return float(special.ndtri(tail))
    return float(special.stdtrit(max(count - 1, 1), tail))
