"""How two sets of results on the same items differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from illusion_lib.divergence.bootstrap import RESAMPLES, estimate
from illusion_lib.divergence.frames import ALL, ITEM, flags, languages, table, tidy
from illusion_lib.divergence.outcomes import FORMATS
from illusion_lib.divergence.paired import CHANGE_TYPES, MARGIN, change_row, with_holm
from illusion_lib.errors import RecordError
from illusion_lib.records import PRODUCTION, RECOGNITION

GAP_ROW = "production_gap"
_KEY = [*ITEM, "probe"]


def compare(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    margin: float = MARGIN,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return the paired comparison of two result sets, each of one model variant.

    Parameters
    ----------
    before, after
        Any tables that `tidy` accepts, with one model and cell each.
    margin
        Of the equivalence test.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        One row per language ("all" and each) and format that both sets hold, and
        ``production_gap`` (recognition minus production) where both hold both. Columns:
        ``language``, ``format``, ``only_before``, ``only_after`` (items that one set lacks),
        ``items`` (compared), ``clusters``, ``accuracy_before``, ``accuracy_after``,
        ``difference``, ``low``, ``high`` (95 %), ``right_to_wrong``, ``wrong_to_right``,
        ``flips``, ``agreement``, ``p_value`` (exact paired test; for the gap by inversion of the
        bootstrap), ``p_holm`` (single languages: over the languages of a format),
        ``p_equivalent``, ``reason``.

    Raises
    ------
    RecordError
        A set holds several variants, or no item is in both.
    """
    first, second = _one_variant(before, "first"), _one_variant(after, "second")
    joined = first.merge(second, on=_KEY, suffixes=("_before", "_after"))
    if joined.empty:
        raise RecordError(
            "the two sets share no item and format; check that they come from the same task"
        )
    _refuse_other_items(joined)
    joined["parallel_id"] = joined["parallel_id_before"]
    options: dict[str, Any] = {"margin": margin, "seed": seed, "resamples": resamples}
    rows: list[dict[str, Any]] = []
    for language, part in languages(joined):
        for probe in FORMATS:
            asked = part[part["probe"] == probe]
            if len(asked):
                only = _only(first, second, language, probe)
                found = change_row(
                    flags(asked["correct_before"]),
                    flags(asked["correct_after"]),
                    asked["parallel_id"],
                    **options,
                )
                rows.append({"language": language, "format": probe, **only, **found})
        rows += _gap_rows(part, language, **options)
    types = {"language": "str", "format": "str", "only_before": "Int64", "only_after": "Int64"}
    return with_holm(table(rows, {**types, **CHANGE_TYPES}), ["format"])


def _one_variant(results: pd.DataFrame, which: str) -> pd.DataFrame:
    frame = tidy(results)
    frame = frame[(frame["target"] == "gold") & frame["probe"].isin(FORMATS)]
    variants = frame[["model", "cell"]].drop_duplicates()
    if len(variants) > 1:
        names = ", ".join("/".join(row) for row in variants.itertuples(index=False))
        raise RecordError(f"the {which} set holds {len(variants)} variants ({names}); give one")
    kept = [*_KEY, "parallel_id", "correct", *(c for c in ("item_hash",) if c in frame)]
    return frame.loc[frame["correct"].notna(), kept]


def _refuse_other_items(joined: pd.DataFrame) -> None:
    if "item_hash_before" not in joined or "item_hash_after" not in joined:
        return
    both = joined["item_hash_before"].notna() & joined["item_hash_after"].notna()
    other = joined[both & (joined["item_hash_before"] != joined["item_hash_after"])]
    if len(other):
        raise RecordError(
            f"{len(other)} items have the same id and another content, the first is "
            f"{other['item_id'].iloc[0]!r}; the two sets come from different versions of the task"
        )


def _only(first: pd.DataFrame, second: pd.DataFrame, language: str, probe: str) -> dict[str, int]:
    """Return how many items of this language and format one set holds and the other lacks."""
    ids = []
    for frame in (first, second):
        part = frame[frame["probe"] == probe]
        if language != ALL:
            part = part[part["language"] == language]
        ids.append(set(zip(part["language"], part["item_id"], strict=True)))
    return {"only_before": len(ids[0] - ids[1]), "only_after": len(ids[1] - ids[0])}


def _gap_rows(
    part: pd.DataFrame, language: str, margin: float, seed: int, resamples: int
) -> list[dict[str, Any]]:
    """Return the change of recognition minus production, on items with both formats in both."""
    indexed = part.set_index(list(ITEM))
    m, g = (indexed[indexed["probe"] == probe] for probe in (RECOGNITION, PRODUCTION))
    common = m.index.intersection(g.index)
    if not len(common):
        return []
    m, g = m.loc[common], g.loc[common]
    columns = [
        flags(m["correct_before"]) - flags(g["correct_before"]),
        flags(m["correct_after"]) - flags(g["correct_after"]),
        np.ones(len(common)),
    ]
    found = estimate(
        np.column_stack(columns),
        m["parallel_id"],
        lambda sums: (sums[..., 1] - sums[..., 0]) / sums[..., 2],
        ((0, 1, 1), (0, -1, 1)),
        np.random.default_rng(seed),
        resamples=resamples,
    )
    sides = [p for p in (found.p_above(0.0), found.p_below(0.0)) if p is not None]
    row = {
        "language": language,
        "format": GAP_ROW,
        "items": found.items,
        "clusters": found.clusters,
        "accuracy_before": float(columns[0].mean()),
        "accuracy_after": float(columns[1].mean()),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p_value": min(1.0, 2 * min(sides)) if sides else None,
        "p_equivalent": found.p_equivalent(margin),
        "reason": found.reason,
    }
    return [row]
