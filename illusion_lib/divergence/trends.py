"""How the gap grows with sparsity, and where the median of a few ranks lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from illusion_lib.divergence.bootstrap import RESAMPLES, Estimate, Floats, estimate
from illusion_lib.divergence.frames import ITEM
from illusion_lib.divergence.gaps import pair_values, retention_gap
from illusion_lib.divergence.outcomes import chance_level


def sparsity_slope(
    paired: pd.DataFrame, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """Return how fast the retention gap grows with sparsity.

    The gap of each cell is corrected for guessing; per method a least-squares line is drawn
    through them and the dense model, whose gap is zero at sparsity zero; the slopes are averaged.

    Parameters
    ----------
    paired
        Rows of `pairs` of one model, with a sparsity in every row.
    rng
        Source of the resamples of parallel ids.
    resamples
        Their number.

    Returns
    -------
    Estimate
        Slope per unit of sparsity, over the items that all cells share.
    """
    chance = chance_level(paired["n_options"])
    if chance is None:
        return Estimate(None, None, None, 0, 0, "the number of options is not known")
    wide, weights = [], []
    methods = paired["method"].unique()
    for method in methods:
        part = paired[paired["method"] == method]
        names = part.drop_duplicates("cell")[["cell", "sparsity"]]
        x = np.append(names["sparsity"].to_numpy(dtype=np.float64), 0.0)
        centred = x - x.mean()
        weights += list(centred[:-1] / (centred**2).sum() / len(methods))
        wide += [part[part["cell"] == cell].set_index(list(ITEM)) for cell in names["cell"]]
    common = sorted(set.intersection(*(set(part.index) for part in wide)))
    columns = [pair_values(part.loc[common]) for part in wide]  # each (items, 5)
    if not common:
        return Estimate(None, None, None, 0, 0, "no item was asked in all cells")
    values = np.hstack(columns)

    def slope(sums: Floats) -> Floats:
        parts = [sums[..., 5 * i : 5 * i + 5] for i in range(len(weights))]
        gaps = [w * retention_gap(p, chance) for w, p in zip(weights, parts, strict=True)]
        return np.asarray(np.sum(gaps, axis=0))

    pseudo = [np.tile((1, 1, 1, 0, 1), len(wide)), np.tile((1, 1, 0, 1, 1), len(wide))]
    return estimate(
        values,
        wide[0].loc[common, "parallel_id"],
        slope,
        pseudo,
        rng,
        resamples=resamples,
    )


def median_interval(
    values: Floats, clusters: Any, rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return 95 % limits of the median by order statistics of weighted clusters (bootstrap).

    The weighted median of every resample is read off the sorted values. With fewer than six
    clusters no two-sided 95 % interval exists, and the range of the values is returned.
    """
    labels, index = np.unique(np.asarray(clusters), return_inverse=True)
    if labels.size < 6:
        return float(values.min()), float(values.max())
    order = np.argsort(values, kind="stable")
    drawn = rng.multinomial(labels.size, np.full(labels.size, 1 / labels.size), size=resamples)
    cumulative = np.cumsum(drawn[:, index[order]], axis=1)  # (resamples, items)
    middle = np.argmax(cumulative >= cumulative[:, -1:] / 2, axis=1)
    low, high = np.quantile(values[order][middle], [0.025, 0.975], method="nearest")
    return float(low), float(high)
