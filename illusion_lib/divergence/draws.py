"""How much of a gap is the luck of the calibration draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from illusion_lib.divergence.bootstrap import LEVEL, RESAMPLES
from illusion_lib.divergence.frames import table
from illusion_lib.divergence.gaps import HEADLINE, gap


def combined_interval(
    mean: float, item_error: float, clusters: int, spread: float, draws: int, level: float = LEVEL
) -> tuple[float, float]:
    """Return limits that allow for other items and for other calibration draws.

    The two variances add (Owen 2007, two-way random effects; the part they share is counted
    twice, which errs on the safe side); degrees of freedom after Satterthwaite.

    Parameters
    ----------
    mean
        Mean over draws.
    item_error
        Its standard error over items, the draws held fixed.
    clusters
        Independent items behind that error.
    spread
        Standard deviation between draws.
    draws
        Number of draws, at least 2.
    level
        Coverage aimed at.
    """
    parts = np.array([item_error**2, spread**2 / draws])
    freedom = np.array([max(clusters - 1, 1), draws - 1])
    total = parts.sum()
    if total == 0:
        return mean, mean
    half = stats.t.ppf((1 + level) / 2, total**2 / np.sum(parts**2 / freedom)) * np.sqrt(total)
    return float(mean - half), float(mean + half)


def calibration_draws(
    paired: pd.DataFrame, measure: str = HEADLINE, *, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Return each pruning's gap over its calibration draws.

    Parameters
    ----------
    paired
        Result of `pairs`; cells that differ in their calibration seed only are one pruning.
    measure
        A measure of `gaps`.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        One row per model, method, sparsity and pattern. Columns: ``model, method, sparsity,
        pattern``, ``draws``, ``mean`` (of the draws' gaps), ``spread`` (standard deviation between
        draws), ``smallest``, ``largest``, ``item_low``, ``item_high`` (95 % over items, these
        draws), ``low``, ``high`` (95 % over items and draws), ``clusters``, ``reason`` (one draw
        only, or an undefined gap).
    """
    rows = [
        dict(zip(_PRUNING, names, strict=True)) | _over_draws(part, measure, seed, resamples)
        for names, part in paired.groupby(list(_PRUNING), dropna=False, sort=False)
    ]
    numbers = ("mean", "spread", "smallest", "largest", "item_low", "item_high", "low", "high")
    types = {"model": "str", "method": "str", "sparsity": "Float64", "pattern": "string"}
    types |= {"draws": "Int64"} | dict.fromkeys(numbers, "Float64")
    return table(rows, {**types, "clusters": "Int64", "reason": "string"})


_PRUNING = ("model", "method", "sparsity", "pattern")


def _over_draws(part: pd.DataFrame, measure: str, seed: int, resamples: int) -> dict[str, Any]:
    options = {"seed": seed, "resamples": resamples}
    each = [gap(draw, measure, **options).value for _, draw in part.groupby("calibration_seed")]
    pooled = gap(part, measure, **options)
    row: dict[str, Any] = {"draws": len(each), "clusters": pooled.clusters}
    values = np.array([value for value in each if value is not None])
    if pooled.low is None or values.size < len(each):
        return row | {"reason": pooled.reason or "the gap of a draw is undefined"}
    mean = float(values.mean())
    row |= {"mean": mean, "smallest": float(values.min()), "largest": float(values.max())}
    row |= {"item_low": pooled.low, "item_high": pooled.high}
    if values.size == 1:
        return row | {"reason": "one calibration draw: its luck is not measured"}
    spread = float(values.std(ddof=1))
    error = float(pooled.draws.std())
    low, high = combined_interval(mean, error, pooled.clusters, spread, values.size)
    return row | {"spread": spread, "low": low, "high": high}
