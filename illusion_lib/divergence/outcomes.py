"""What each model variant can do with each item, and how that changes from dense to pruned.

Notation: M = 1 if the right option is picked (recognition, probe ``choice``), G = 1 if the answer
is generated without options (production, probe ``open``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from illusion_lib.divergence.answers import Records, shared
from illusion_lib.divergence.frames import (
    ALL,
    DENSE,
    FRONT,
    FRONT_TYPES,
    ITEM,
    cells,
    flags,
    languages,
    table,
    tidy,
)
from illusion_lib.divergence.intervals import share_interval
from illusion_lib.errors import RecordError
from illusion_lib.records import PRODUCTION, RECOGNITION

BOTH, RECOGNITION_ONLY, PRODUCTION_ONLY, NEITHER = OUTCOMES = (
    "both",
    "recognition_only",
    "production_only",
    "neither",
)
FORMATS = (PRODUCTION, "candidates", RECOGNITION)

# The flows with a name of their own; the claim is about the second.
FLOWS = {
    (BOTH, BOTH): "kept",
    (BOTH, RECOGNITION_ONLY): "lost",
    (BOTH, PRODUCTION_ONLY): "unrecognised",
    (BOTH, NEITHER): "lost_in_both",
}
LOST = "lost"


@shared
def outcomes(records: Records) -> pd.DataFrame:
    """Return what each model variant can do with each item.

    Parameters
    ----------
    records
        Any table that `tidy` accepts.

    Returns
    -------
    DataFrame
        One row per model, cell and item. Columns: ``model, cell, method, sparsity, pattern,
        label, calibration_seed, language, item_id, parallel_id``; ``produces``, ``recognises``,
        ``candidates`` (nullable boolean; missing where the probe was not run); ``n_options``
        (options of the choice question); ``output_class`` (of the open answer, may be missing);
        ``outcome`` (one of `OUTCOMES`; missing unless both formats were asked).
    """
    frame = tidy(records)
    index = [*FRONT, *ITEM, "parallel_id"]
    # Only what is needed: to cut a frame costs time for each of its columns.
    wanted = [name for name in (*index, *_ANSWERED) if name in frame]
    frame = frame.loc[(frame["target"] == "gold") & frame["probe"].isin(FORMATS), wanted]
    if "output_class" not in frame:
        frame = frame.assign(output_class=None)
    item = frame.groupby(["model", "cell", *ITEM], sort=False).ngroup().to_numpy()  # (rows,)
    base = frame.loc[~frame.duplicated(["model", "cell", *ITEM]), index].reset_index(drop=True)
    rows = {probe: _rows_of(frame["probe"] == probe, item, len(base)) for probe in FORMATS}
    for probe, name in zip(FORMATS, ("produces", "candidates", "recognises"), strict=True):
        base[name] = _taken(frame["correct"], rows[probe])
    base["n_options"] = _taken(frame["n_options"], rows[RECOGNITION])
    base["output_class"] = _taken(frame["output_class"].astype("string"), rows[PRODUCTION])
    base["outcome"] = outcome_of(base["recognises"], base["produces"])
    order = [*index, "produces", "recognises", "candidates", "n_options", "output_class", "outcome"]
    return base[order].reset_index(drop=True)


_ANSWERED = ("probe", "correct", "n_options", "output_class")


def _rows_of(asked: pd.Series[Any], item: NDArray[Any], items: int) -> NDArray[np.int64]:
    """Return the row in which each of the items was asked: (items,), -1 where it was not."""
    rows = np.full(items, -1)
    found = np.flatnonzero(asked)
    rows[item[found]] = found
    return rows


def _taken(column: pd.Series[Any], rows: NDArray[np.int64]) -> Any:
    return pd.api.extensions.take(column.array, rows, allow_fill=True)


def outcome_of(recognises: pd.Series[Any], produces: pd.Series[Any]) -> pd.Series[Any]:
    """Return the outcome's name per row; missing where one of the two is missing."""
    known = (recognises.notna() & produces.notna()).to_numpy()
    m = recognises.fillna(False).to_numpy(dtype=bool)
    g = produces.fillna(False).to_numpy(dtype=bool)
    names = np.select([~known, m & g, m, g], ["", *OUTCOMES[:3]], NEITHER)
    return pd.Series(names, index=recognises.index, dtype="string").where(known)


def pairs(items: pd.DataFrame) -> pd.DataFrame:
    """Return each item of each pruned cell beside the same item of the dense model.

    Parameters
    ----------
    items
        Result of `outcomes`.

    Returns
    -------
    DataFrame
        The columns of `outcomes` for the pruned cell, then ``produces_dense, recognises_dense,
        outcome_dense`` and ``flow`` (``kept``, ``lost`` = both -> recognition_only,
        ``unrecognised``, ``lost_in_both``; missing for other transitions). Only items with both
        formats answered in both variants are kept; `unpaired` counts the others.

    Raises
    ------
    RecordError
        A model has pruned cells but no dense one.
    """
    dense = items[items["method"] == DENSE]
    pruned = items[items["method"] != DENSE]
    for model in pruned["model"].unique():
        if model not in set(dense["model"]):
            raise RecordError(
                f"model {model!r} has no cell 'dense' to compare with; run it without pruning too"
            )
    columns = ["produces", "recognises", "outcome"]
    before = dense[["model", *ITEM, *columns]].rename(columns={c: f"{c}_dense" for c in columns})
    if before.duplicated(["model", *ITEM]).any():
        raise RecordError("a model has several dense cells; keep one of them")
    both = pruned.merge(before, on=["model", *ITEM], how="inner")
    both = both[both["outcome"].notna() & both["outcome_dense"].notna()].reset_index(drop=True)
    flow = [FLOWS.get(step) for step in zip(both["outcome_dense"], both["outcome"], strict=True)]
    both["flow"] = pd.Series(flow, index=both.index, dtype="string")
    return both


def unpaired(items: pd.DataFrame) -> pd.DataFrame:
    """Return how many items of each pruned cell could not be paired with the dense model.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``items`` (in the cell), ``paired``, ``unpaired``.
    """
    paired = pairs(items).groupby(["model", "cell"]).size()
    rows = []
    for front, part in cells(items[items["method"] != DENSE]):
        n = int(paired.get((front["model"], front["cell"]), 0))
        rows.append({**front, "items": len(part), "paired": n, "unpaired": len(part) - n})
    return table(rows, {**FRONT_TYPES, "items": "Int64", "paired": "Int64", "unpaired": "Int64"})


def outcome_counts(items: pd.DataFrame) -> pd.DataFrame:
    """Return the 2 x 2 of recognition and production per variant and language.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``language`` ("all" and each), ``outcome`` (all four, also
        when empty), ``items``, ``total``, ``share`` (missing without items).
    """
    rows = []
    for front, cell in cells(items):
        for language, part in languages(cell[["language", "outcome"]]):
            counts = part["outcome"].value_counts()
            total = int(counts.sum())
            for name in OUTCOMES:
                n = int(counts.get(name, 0))
                share = n / total if total else None
                rows.append(
                    {**front, "language": language, "outcome": name, "items": n, "total": total}
                    | {"share": share}
                )
    return table(
        rows,
        {**FRONT_TYPES, "language": "str", "outcome": "str", "items": "Int64", "total": "Int64"}
        | {"share": "Float64"},
    )


def transitions(paired: pd.DataFrame) -> pd.DataFrame:
    """Return the 4 x 4 table of outcomes from dense to pruned.

    Parameters
    ----------
    paired
        Result of `pairs`.

    Returns
    -------
    DataFrame
        16 rows per pruned cell and language. Columns: the front columns, ``language`` ("all" and
        each), ``outcome_dense``, ``outcome``, ``flow`` (its name, mostly missing), ``items``,
        ``total`` (items of the cell), ``share`` (of the total), ``share_of_dense`` (of the items
        with that dense outcome; missing where there are none).
    """
    rows = []
    for front, cell in cells(paired):
        for language, part in languages(cell):
            counts = part.groupby(["outcome_dense", "outcome"]).size()
            for before in OUTCOMES:
                start = int((part["outcome_dense"] == before).sum())
                for after in OUTCOMES:
                    n = int(counts.get((before, after), 0))
                    rows.append(
                        {
                            **front,
                            "language": language,
                            "outcome_dense": before,
                            "outcome": after,
                            "flow": FLOWS.get((before, after)),
                            "items": n,
                            "total": len(part),
                            "share": n / len(part),
                            "share_of_dense": n / start if start else None,
                        }
                    )
    types = dict.fromkeys(("language", "outcome_dense", "outcome"), "str") | {"flow": "string"}
    types |= {"items": "Int64", "total": "Int64", "share": "Float64", "share_of_dense": "Float64"}
    return table(rows, {**FRONT_TYPES, **types})


@shared
def accuracy(records: Records) -> pd.DataFrame:
    """Return accuracy per variant, language and format, with its interval and the chance line.

    Parameters
    ----------
    records
        Any table that `tidy` accepts.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``language`` ("all" and each), ``format`` (``open``,
        ``candidates``, ``choice``), ``items``, ``clusters`` (different parallel ids),
        ``correct`` (count), ``accuracy``, ``low``, ``high`` (95 %, Wilson; over languages with
        the effective number of items), ``chance`` (0 for ``open``, 1/K where options are shown;
        missing where K is unknown). Formats without an answer have no row.
    """
    frame = tidy(records)
    frame = frame[(frame["target"] == "gold") & frame["probe"].isin(FORMATS)]
    frame = frame.loc[frame["correct"].notna(), [*FRONT, *_ASKED]]
    frame["parallel_id"] = pd.factorize(frame["parallel_id"], sort=True)[0]  # numbers sort faster
    rows = []
    for front, cell in cells(frame):
        for language, part in languages(cell[_ASKED]):
            for name in FORMATS:
                asked = part[part["probe"] == name]
                if len(asked):
                    rows.append({**front, "language": language, "format": name} | _accuracy(asked))
    types = {"language": "str", "format": "str", "items": "Int64", "clusters": "Int64"}
    types |= {"correct": "Int64"}
    types |= dict.fromkeys(("accuracy", "low", "high", "chance"), "Float64")
    return table(rows, {**FRONT_TYPES, **types})


# What an accuracy is made of.
_ASKED = ["language", "probe", "parallel_id", "correct", "n_options"]


def _accuracy(asked: pd.DataFrame) -> dict[str, Any]:
    hits = flags(asked["correct"])
    low, high = share_interval(hits, asked["parallel_id"]) or (None, None)
    produced = asked["probe"].iloc[0] == PRODUCTION
    return {
        "items": len(asked),
        "clusters": asked["parallel_id"].nunique(),
        "correct": int(hits.sum()),
        "accuracy": float(hits.mean()),
        "low": low,
        "high": high,
        "chance": 0.0 if produced else chance_level(asked["n_options"]),
    }


def chance_level(n_options: pd.Series[Any]) -> float | None:
    """Return what a guesser gets on these items: the mean of 1/K, or None where a K is unknown."""
    if len(n_options) == 0 or n_options.isna().any():
        return None
    return float((1 / n_options.to_numpy(dtype=np.float64)).mean())


__all__ = [
    "ALL",
    "LOST",
    "OUTCOMES",
    "accuracy",
    "chance_level",
    "outcome_counts",
    "outcome_of",
    "outcomes",
    "pairs",
    "transitions",
    "unpaired",
]
