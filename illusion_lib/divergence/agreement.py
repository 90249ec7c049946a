"""How well the two formats agree about what a model variant knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from illusion_lib.divergence.frames import FRONT_TYPES, cells, flags, languages, table
from illusion_lib.divergence.intervals import share_interval


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> float | None:
    """Return Cohen's kappa of two 0/1 answers per item, or None where both are constant.

    Parameters
    ----------
    first, second
        0/1 (items,).
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.size == 0:
        return None
    expected = x.mean() * y.mean() + (1 - x.mean()) * (1 - y.mean())
    if np.isclose(expected, 1):
        return None
    return float((np.mean(x == y) - expected) / (1 - expected))


def format_agreement(items: pd.DataFrame) -> pd.DataFrame:
    """Return how often picking and producing agree, per variant and language.

    Parameters
    ----------
    items
        Result of `outcomes`.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``language`` ("all" and each), ``items``, ``agreement`` (share
        of items right in both formats or in neither), ``low``, ``high`` (95 %), ``kappa``
        (Cohen's, beyond chance), ``reason`` (why it is missing).
    """
    rows: list[dict[str, Any]] = []
    for front, cell in cells(items[items["outcome"].notna()]):
        for language, part in languages(cell):
            m, g = flags(part["recognises"]), flags(part["produces"])
            low, high = share_interval(m == g, part["parallel_id"]) or (None, None)
            kappa = cohen_kappa(m, g)
            row = {**front, "language": language, "items": len(part), "kappa": kappa}
            row |= {"agreement": float(np.mean(m == g)), "low": low, "high": high}
            row["reason"] = "all answers are the same" if kappa is None else None
            rows.append(row)
    types = {"language": "str", "items": "Int64"}
    types |= dict.fromkeys(("agreement", "low", "high", "kappa"), "Float64")
    return table(rows, {**FRONT_TYPES, **types, "reason": "string"})
