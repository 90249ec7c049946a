"""How sure we are of a statistic of paired items: a cluster bootstrap that covers at 40 items.

Resampling keeps an item's answers together (dense and pruned, both formats) and keeps the same
fact in several languages together. Two corrections make it honest in small samples: pseudo-items
(Agresti & Caffo 2000; Bonett & Price 2012) keep the interval open when no pair is discordant, and
percentiles are widened for the missing degree of freedom (Hesterberg 2015, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

RESAMPLES = 4000
LEVEL = 0.95
# A ratio may be undefined in a few resamples; more than this share leaves the interval undefined.
_MAX_UNDEFINED = 0.01


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its interval; what is undefined is None, and `reason` says why.

    Attributes
    ----------
    value, low, high
        The estimate and the limits of its interval.
    items, clusters
        How many items, in how many independent clusters.
    reason
        Why a value or limit is None; None when all are defined.
    draws
        The statistic in every resample, for tests by inversion; empty where undefined.
    """

    value: float | None
    low: float | None
    high: float | None
    items: int
    clusters: int
    reason: str | None = None
    draws: Floats = field(default_factory=lambda: np.empty(0), repr=False)

    def p_above(self, threshold: float) -> float | None:
        """Return the one-sided p-value of "the statistic is at most `threshold`"."""
        return self._p_value(int(np.count_nonzero(self.draws <= threshold)))

    def p_below(self, threshold: float) -> float | None:
        """Return the one-sided p-value of "the statistic is at least `threshold`"."""
        return self._p_value(int(np.count_nonzero(self.draws >= threshold)))

    def _p_value(self, beyond: int) -> float | None:
        if not self.draws.size:
            return None
        z = -special.ndtri((beyond + 1) / (self.draws.size + 2))
        # The same widening as in `expanded_percentiles`, so that test and interval agree.
        n = max(self.clusters, 2)
        return float(special.stdtr(n - 1, -z / np.sqrt(n / (n - 1))))

    def p_equivalent(self, margin: float) -> float | None:
        """Return the TOST p-value of "the statistic lies outside (-margin, margin)"."""
        above, below = self.p_above(-margin), self.p_below(margin)
        return None if above is None or below is None else max(above, below)


def cluster_codes(clusters: ArrayLike) -> NDArray[np.int64]:
    """Return labels (items,) as numbers from 0 in the order of the sorted labels."""
    # By hashing: to sort the items' labels would cost more than all that is computed from them.
    labels = clusters if isinstance(clusters, pd.Series) else np.asarray(clusters)
    return pd.factorize(labels, sort=True)[0].astype(np.int64)


def cluster_totals(values: ArrayLike, clusters: ArrayLike) -> Floats:
    """Return the sum of each column over the items of a cluster.

    Parameters
    ----------
    values
        Float (items, k).
    clusters
        Any labels (items,).

    Returns
    -------
    ndarray
        Float (clusters, k), in the order of the sorted labels.
    """
    rows = np.asarray(values, dtype=np.float64)
    index = cluster_codes(clusters)
    totals = np.zeros((index.max(initial=-1) + 1, rows.shape[1]))
    np.add.at(totals, index, rows)
    return totals


def resample_weights(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Return how often each of n clusters is drawn: float (resamples, n), rows sum to n."""
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * n)
    return counts.reshape(resamples, n).astype(np.float64)


def expanded_percentiles(draws: ArrayLike, n: int, level: float = LEVEL) -> Floats:
    """Return percentile limits widened as a t interval with n - 1 degrees of freedom would be.

    Parameters
    ----------
    draws
        Float (resamples, ...).
    n
        Number of clusters.
    level
        Coverage aimed at.

    Returns
    -------
    ndarray
        Float (2, ...): lower and upper limit.
    """
    # From `special`: `stats` takes longer to check its arguments than to compute.
    t = special.stdtrit(max(n - 1, 1), (1 + level) / 2) * np.sqrt(n / max(n - 1, 1))
    tail = special.ndtr(-t)
    limits: Floats = np.quantile(np.asarray(draws), [tail, 1 - tail], axis=0)
    return limits


@dataclass(frozen=True, slots=True)
class Resampled:
    """Column sums of the items as they are, and of every resample.

    Attributes
    ----------
    observed
        Float (k,).
    draws
        Float (resamples, k), pseudo-items included.
    items, clusters
        How many items, in how many clusters.
    """

    observed: Floats
    draws: Floats
    items: int
    clusters: int


def resample(
    values: ArrayLike,
    clusters: ArrayLike,
    pseudo: ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Resampled:
    """Return column sums over items, resampled by cluster in one matrix product.

    Parameters
    ----------
    values
        Float (items, k): what is summed over items.
    clusters
        Labels (items,); items with one label are drawn together.
    pseudo
        Float (m, k): pseudo-items added to the resampled data. Each weighs
        sqrt(items per cluster): one item would be too little where a cluster's items answer
        alike, a whole cluster too much where they do not.
    rng
        Source of the resamples.
    resamples
        Their number.
    """
    rows = np.asarray(values, dtype=np.float64)
    totals = cluster_totals(rows, clusters)  # (clusters, k)
    n = totals.shape[0]
    weight = np.sqrt(rows.shape[0] / max(n, 1))
    padded = np.vstack([totals, weight * np.asarray(pseudo, dtype=np.float64)])
    draws = resample_weights(padded.shape[0], resamples, rng) @ padded
    return Resampled(totals.sum(axis=0), draws, rows.shape[0], n)


def estimate_from(
    sums: Resampled,
    statistic: Statistic,
    *,
    level: float = LEVEL,
    undefined: str = "a denominator is zero",
) -> Estimate:
    """Return a statistic of column sums with its cluster-bootstrap interval.

    Parameters
    ----------
    sums
        Result of `resample`.
    statistic
        Maps sums (..., k) to values (...); NaN where undefined.
    level
        Coverage aimed at.
    undefined
        The reason to state where the statistic is undefined.
    """
    size = (sums.items, sums.clusters)
    if sums.items == 0:
        return Estimate(None, None, None, *size, "no item")
    value = float(statistic(sums.observed))
    if not np.isfinite(value):
        return Estimate(None, None, None, *size, undefined)
    draws = statistic(sums.draws)
    finite = draws[np.isfinite(draws)]
    if finite.size < (1 - _MAX_UNDEFINED) * draws.size:
        return Estimate(value, None, None, *size, f"{undefined} in some resamples: too few items")
    low, high = expanded_percentiles(finite, sums.clusters, level)
    # The pseudo-items pull towards "no difference"; the interval must still hold what was seen.
    return Estimate(value, min(float(low), value), max(float(high), value), *size, None, finite)


def estimate(
    values: ArrayLike,
    clusters: ArrayLike,
    statistic: Statistic,
    pseudo: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    undefined: str = "a denominator is zero",
) -> Estimate:
    """Return one statistic with its interval: `resample`, then `estimate_from`."""
    sums = resample(values, clusters, pseudo, rng, resamples)
    return estimate_from(sums, statistic, undefined=undefined)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide where the denominator is positive; NaN elsewhere (turned into None by `estimate`)."""
    out = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 1e-12)
    return out
