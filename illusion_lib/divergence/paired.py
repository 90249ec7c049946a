"""Whether a paired difference is real, and whether it is negligible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from illusion_lib.divergence.bootstrap import RESAMPLES, Estimate, cluster_totals, estimate
from illusion_lib.divergence.frames import ALL, FRONT_TYPES, cells, flags, languages, table
from illusion_lib.records import PRODUCTION, RECOGNITION

MARGIN = 0.10
# Pseudo-items (before, after, 1): one that only the first got right, one that only the second did.
PSEUDO_CHANGES = ((1, 0, 1), (0, 1, 1))


def mcnemar(before: ArrayLike, after: ArrayLike) -> tuple[int, int, float]:
    """Return the exact McNemar test of paired 0/1 answers.

    Parameters
    ----------
    before, after
        0/1 (items,).

    Returns
    -------
    tuple
        Items that went from right to wrong, from wrong to right, and the two-sided exact p-value
        (binomial on the discordant items; 1 where there are none).
    """
    x, y = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    worse, better = int(np.sum(x & ~y)), int(np.sum(~x & y))
    if worse + better == 0:
        return 0, 0, 1.0
    return worse, better, float(stats.binomtest(worse, worse + better).pvalue)


def sign_flip(before: ArrayLike, after: ArrayLike, clusters: ArrayLike) -> float:
    """Return the exact paired test where items come in clusters (one fact in several languages).

    Under "no change" a cluster's net change is as likely to be its opposite; the p-value is the
    share of all sign patterns with a total at least as far from zero, found by convolution. With
    one item a cluster this is the exact McNemar test.

    Parameters
    ----------
    before, after
        0/1 (items,).
    clusters
        Labels (items,).

    Returns
    -------
    float
        Two-sided p-value; 1 where no cluster changed.
    """
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    net = cluster_totals(change[:, None], clusters)[:, 0].astype(int)
    steps = np.abs(net[net != 0])
    chance = np.ones(1)  # of each total from -reach to reach
    for step in steps:
        moved = np.zeros(chance.size + 2 * step)
        moved[: chance.size] += chance / 2
        moved[2 * step :] += chance / 2
        chance = moved
    total = np.arange(chance.size) - chance.size // 2
    return float(min(1.0, chance[np.abs(total) >= abs(int(net.sum()))].sum()))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's step-down adjusted p-values; None stays None and does not count.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    known = [(p, i) for i, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(sorted(known)):
        running = max(running, min(1.0, (len(known) - rank) * p))
        adjusted[i] = running
    return adjusted


def difference(
    before: ArrayLike,
    after: ArrayLike,
    clusters: ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Return the change in accuracy, after minus before, with its cluster-bootstrap interval.

    Its `p_equivalent(margin)` is the equivalence test (two one-sided tests by inversion).
    """
    x, y = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    values = np.column_stack([x, y, np.ones_like(x)])
    return estimate(
        values,
        clusters,
        lambda sums: (sums[..., 1] - sums[..., 0]) / sums[..., 2],
        PSEUDO_CHANGES,
        rng,
        resamples=resamples,
    )


def paired_tost(worse: int, better: int, items: int, margin: float = MARGIN) -> float:
    """Return the p-value of "the paired difference is at least `margin` in size".

    Two one-sided score tests of (better - worse)/items against -margin and +margin, with the
    discordance estimated under each null (Tango 1998), so that no discordant pair is no obstacle.

    Parameters
    ----------
    worse, better
        Discordant items.
    items
        All items.
    margin
        Largest difference that does not matter, in (0, 1).
    """
    below = _tango_z(better, worse, items, -margin)
    above = _tango_z(better, worse, items, margin)
    return float(max(stats.norm.sf(below), stats.norm.cdf(above)))


def _tango_z(gained: int, lost: int, n: int, delta: float) -> float:
    """Return the score statistic of H0: (gained - lost)/n = delta (Tango 1998)."""
    b = (2 * n - gained + lost) * delta - gained - lost
    c = -lost * delta * (1 - delta)
    q = (np.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)  # the lost share under H0
    variance = n * (2 * q + delta * (1 - delta))
    return float((gained - lost - n * delta) / np.sqrt(max(variance, 1e-300)))


def change_row(
    before: ArrayLike,
    after: ArrayLike,
    clusters: ArrayLike,
    *,
    margin: float = MARGIN,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Return the paired comparison of two sets of 0/1 answers as one row; see `changes`."""
    x, y = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if x.size == 0:
        return {"items": 0, "clusters": 0, "reason": "no item was answered by both"}
    worse, better, _ = mcnemar(x, y)
    found = difference(x, y, clusters, np.random.default_rng(seed), resamples)
    return {
        "items": x.size,
        "clusters": found.clusters,
        "accuracy_before": float(x.mean()),
        "accuracy_after": float(y.mean()),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "right_to_wrong": worse,
        "wrong_to_right": better,
        "flips": (worse + better) / x.size,
        "agreement": 1 - (worse + better) / x.size,
        "p_value": sign_flip(x, y, clusters),
        "p_equivalent": found.p_equivalent(margin),
    }


CHANGE_TYPES = {
    **dict.fromkeys(("items", "clusters"), "Int64"),
    **dict.fromkeys(("accuracy_before", "accuracy_after", "difference", "low", "high"), "Float64"),
    **dict.fromkeys(("right_to_wrong", "wrong_to_right"), "Int64"),
    **dict.fromkeys(("flips", "agreement", "p_value", "p_holm", "p_equivalent"), "Float64"),
    "reason": "string",
}


def changes(
    paired: pd.DataFrame, *, margin: float = MARGIN, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Return how each format's answers changed from dense to pruned, with exact paired tests.

    Parameters
    ----------
    paired
        Result of `pairs`.
    margin
        Of the equivalence test.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        One row per pruned cell, language ("all" and each) and format. Columns: the front columns,
        ``language``, ``format`` (``open``, ``choice``), ``items``, ``clusters``,
        ``accuracy_before``, ``accuracy_after``, ``difference``, ``low``, ``high``,
        ``right_to_wrong``, ``wrong_to_right``, ``flips`` (share that changed), ``agreement``,
        ``p_value`` (exact McNemar; where an item comes in several languages its
        generalisation `sign_flip`), ``p_holm`` (over all cells of the
        model with this format; single languages: over cells and languages), ``p_equivalent``
        (TOST against the margin, clustered), ``reason``.
    """
    names = {PRODUCTION: "produces", RECOGNITION: "recognises"}
    rows = [
        {**front, "language": language, "format": probe}
        | change_row(
            flags(part[f"{name}_dense"]),
            flags(part[name]),
            part["parallel_id"],
            margin=margin,
            seed=seed,
            resamples=resamples,
        )
        for front, cell in cells(paired)
        for language, part in languages(cell)
        for probe, name in names.items()
    ]
    frame = table(rows, {**FRONT_TYPES, "language": "str", "format": "str", **CHANGE_TYPES})
    return with_holm(frame, ["model", "format"])


def with_holm(frame: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    """Return the frame with ``p_holm`` filled: Holm over the rows that share `family`.

    The rows over all languages are one family, the rows of single languages another.
    """
    groups = [*(frame[name] for name in family), frame["language"] == ALL]
    for _, part in frame.groupby(groups, sort=False):
        known = [None if pd.isna(p) else float(p) for p in part["p_value"]]
        frame.loc[part.index, "p_holm"] = pd.array(holm(known), dtype="Float64")
    return frame
