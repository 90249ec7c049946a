"""How far recognition runs ahead of production, and how much of that pruning caused.

With M, G the shares recognised and produced, index d dense and none for the pruned cell, and
k(x) = (x - 1/K)/(1 - 1/K) the correction for guessing (applied to M only):

=====================================  ==========================================
``production_gap``                     M - G
``production_gap_corrected``           k(M) - G
``retention_gap``                      M/M_d - G/G_d
``retention_gap_corrected``            k(M)/k(M_d) - G/G_d
``difference_in_differences``          (M - G) - (M_d - G_d)
``difference_in_differences_corrected``  (k(M) - G) - (k(M_d) - G_d)
=====================================  ==========================================

Uncorrected, a model that forgets everything still shows a gap of 1/K: it guesses. And where the
dense model recognises more than it produces, an equal *relative* loss in both formats makes the
difference in differences negative. `retention_gap_corrected` suffers from neither: it is zero
when both formats keep the same share of what the dense model could do, down to nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from illusion_lib.divergence.bootstrap import (
    RESAMPLES,
    Estimate,
    Floats,
    Resampled,
    Statistic,
    estimate_from,
    ratio,
    resample,
)
from illusion_lib.divergence.frames import DENSE, FRONT_TYPES, cells, flags, languages, table
from illusion_lib.divergence.outcomes import chance_level, pairs

HEADLINE = "retention_gap_corrected"

# Columns of the arrays below, and the pseudo-items: one lost to production only, one to
# recognition only.
M_DENSE, G_DENSE, M, G, SIZE = range(5)
PSEUDO_PAIRS = ((1, 1, 1, 0, 1), (1, 1, 0, 1, 1))


def production_gap(sums: Floats, chance: float = 0.0) -> Floats:
    """Return k(M) - G from sums (..., 5) over items; `chance` 0 leaves M as it is."""
    return _known(sums[..., M], sums, chance) - _share(sums[..., G], sums)


def retention_gap(sums: Floats, chance: float = 0.0) -> Floats:
    """Return k(M)/k(M_d) - G/G_d from sums (..., 5); NaN where a denominator is not positive."""
    recognised = ratio(_known(sums[..., M], sums, chance), _known(sums[..., M_DENSE], sums, chance))
    return recognised - ratio(_share(sums[..., G], sums), _share(sums[..., G_DENSE], sums))


def difference_in_differences(sums: Floats, chance: float = 0.0) -> Floats:
    """Return (k(M) - G) - (k(M_d) - G_d) from sums (..., 5) over items."""
    before = _known(sums[..., M_DENSE], sums, chance) - _share(sums[..., G_DENSE], sums)
    return production_gap(sums, chance) - before


def _share(column: Floats, sums: Floats) -> Floats:
    return ratio(column, sums[..., SIZE])


def _known(column: Floats, sums: Floats, chance: float) -> Floats:
    return (_share(column, sums) - chance) / (1 - chance)


MEASURES: dict[str, Callable[[Floats, float], Floats]] = {
    "production_gap": production_gap,
    "retention_gap": retention_gap,
    "difference_in_differences": difference_in_differences,
}
_UNDEFINED = "the dense model is not above zero (or chance) in one format"


def pair_values(paired: pd.DataFrame) -> Floats:
    """Return M_d, G_d, M, G and 1 of each item: float (items, 5)."""
    names = ("recognises_dense", "produces_dense", "recognises", "produces")
    return np.column_stack([*(flags(paired[name]) for name in names), np.ones(len(paired))])


def statistic(measure: str, chance: float | None) -> Statistic | None:
    """Return the function of sums for a measure's name; None where it needs an unknown chance."""
    core = MEASURES[measure.removesuffix("_corrected")]
    if not measure.endswith("_corrected"):
        return lambda sums: core(sums, 0.0)
    if chance is None:
        return None
    return lambda sums: core(sums, chance)


def gap(
    paired: pd.DataFrame,
    measure: str = HEADLINE,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Return one measure over the given pairs, with its cluster-bootstrap interval.

    Parameters
    ----------
    paired
        Rows of `pairs`: one pruned cell, any languages.
    measure
        A name from the table above.
    seed, resamples
        Of the bootstrap over parallel ids.
    """
    return _gap(_resample(paired, seed, resamples), measure, chance_level(paired["n_options"]))


def _resample(paired: pd.DataFrame, seed: int, resamples: int) -> Resampled:
    rng = np.random.default_rng(seed)
    return resample(pair_values(paired), paired["parallel_id"], PSEUDO_PAIRS, rng, resamples)


def _gap(sums: Resampled, measure: str, chance: float | None) -> Estimate:
    of_sums = statistic(measure, chance)
    if of_sums is None:
        reason = "the number of options is not known"
        return Estimate(None, None, None, sums.items, sums.clusters, reason)
    return estimate_from(sums, of_sums, undefined=_UNDEFINED)


def gaps(items: pd.DataFrame, *, seed: int = 0, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Return every gap of every variant and language with its 95 % interval.

    Parameters
    ----------
    items
        Result of `outcomes`.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``language`` ("all" and each), ``measure`` (the six names;
        the dense cell has the two production gaps only), ``estimate``, ``low``, ``high``,
        ``items``, ``clusters``, ``reason`` (why a number is missing).
    """
    own = pd.concat([_as_its_own_pair(items), pairs(items)], ignore_index=True)
    rows: list[dict[str, Any]] = []
    for front, cell in cells(own):
        for language, part in languages(cell):
            sums, chance = _resample(part, seed, resamples), chance_level(part["n_options"])
            for name in _measures(front["method"]):
                found = as_row(_gap(sums, name, chance))
                rows.append({**front, "language": language, "measure": name, **found})
    return table(rows, {**FRONT_TYPES, "language": "str", "measure": "str", **ESTIMATE_TYPES})


def _as_its_own_pair(items: pd.DataFrame) -> pd.DataFrame:
    dense = items[(items["method"] == DENSE) & items["outcome"].notna()]
    return dense.assign(
        produces_dense=dense["produces"],
        recognises_dense=dense["recognises"],
        outcome_dense=dense["outcome"],
    )


def _measures(method: str) -> tuple[str, ...]:
    names = MEASURES if method != DENSE else ("production_gap",)
    return tuple(name + suffix for name in names for suffix in ("", "_corrected"))


ESTIMATE_TYPES = {
    **dict.fromkeys(("estimate", "low", "high"), "Float64"),
    **dict.fromkeys(("items", "clusters"), "Int64"),
    "reason": "string",
}


def as_row(found: Estimate) -> dict[str, Any]:
    """Return an estimate as the columns of `ESTIMATE_TYPES`."""
    return {
        "estimate": found.value,
        "low": found.low,
        "high": found.high,
        "items": found.items,
        "clusters": found.clusters,
        "reason": found.reason,
    }
