"""Which tables of results can be analysed, and how they are brought into one shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from illusion_lib.divergence.answers import Answers, Records, shared
from illusion_lib.errors import RecordError
from illusion_lib.records import PRODUCTION, RECOGNITION

DENSE = "dense"
ALL = "all"
FRONT = ("model", "cell", "method", "sparsity", "pattern", "label", "calibration_seed")
ITEM = ("language", "item_id")
KEY = ("model", "cell", "language", "item_id", "probe", "target")

# Words that other tables use for our columns, taken where ours are not there.
_COLUMNS = {"format": "probe", "item": "item_id", "lang": "language"}
# Words that other tools use for the two formats.
_FORMATS = {
    "production": PRODUCTION,
    "generation": PRODUCTION,
    "generate": PRODUCTION,
    "open_ended": PRODUCTION,
    "recognition": RECOGNITION,
    "mc": RECOGNITION,
    "multiple_choice": RECOGNITION,
}

FRONT_TYPES = {
    "model": "str",
    "cell": "str",
    "method": "str",
    "sparsity": "Float64",
    "pattern": "string",
    "label": "str",
    "calibration_seed": "Int64",
}


@shared
def tidy(records: Records) -> pd.DataFrame:
    """Return `records` with every column the analyses need, or refuse them.

    Parameters
    ----------
    records
        One row per model variant, item and format. Needed: ``item_id`` (or ``item``), ``correct``
        (true/false, 0/1 or missing) and ``probe`` (or ``format``): ``open`` for production,
        ``choice`` for recognition. Optional, with what stands in for them: ``model`` ("model"),
        ``cell`` ("dense"), ``method`` (the cell), ``sparsity`` (0 for dense, else missing),
        ``pattern``, ``label`` (the cell), ``calibration_seed`` (0), ``language`` ("und"),
        ``parallel_id`` (the item), ``target`` ("gold"), ``n_options`` (the length of
        ``options``).

    Returns
    -------
    DataFrame
        A copy, same rows in the same order; ``correct`` is nullable boolean.

    Raises
    ------
    RecordError
        No row, a column is missing, a row is doubled, or ``correct`` is not 0/1.
    """
    table = records.records if isinstance(records, Answers) else records
    other = {theirs: ours for theirs, ours in _COLUMNS.items() if ours not in table}
    frame = table.rename(columns=other)
    _require(frame, ("item_id", "probe", "correct"))
    if frame.empty:
        raise RecordError("the table of results has no row; run a cell first")
    frame["probe"] = frame["probe"].astype(str).replace(_FORMATS)
    frame["correct"] = _as_boolean(frame["correct"])
    for name, value in {
        "model": "model",
        "cell": DENSE,
        "language": "und",
        "target": "gold",
    }.items():
        frame[name] = frame[name].fillna(value).astype(str) if name in frame else value
    frame["item_id"] = frame["item_id"].astype(str)
    _fill(frame, "parallel_id", frame["item_id"])
    _fill(frame, "method", frame["cell"])
    _fill(frame, "label", frame["cell"])
    _fill(frame, "calibration_seed", 0)
    if "pattern" not in frame:
        frame["pattern"] = None
    if "sparsity" not in frame:
        frame["sparsity"] = frame["method"].eq(DENSE).map({True: 0.0, False: np.nan})
    if "n_options" not in frame:
        frame["n_options"] = _count_options(frame)
    frame = frame.astype({**FRONT_TYPES, "n_options": "Int64"})
    _refuse_doubled(frame)
    return frame


def combine(
    dense: pd.DataFrame, cells: Mapping[str, pd.DataFrame], model: str = "model"
) -> pd.DataFrame:
    """Return one table from the records of single cells, as `probe` returns them.

    Parameters
    ----------
    dense
        Records of the unpruned model.
    cells
        Records of each pruned variant under its name (``"wanda-s050"``).
    model
        Name of the model.

    Returns
    -------
    DataFrame
        The rows of all, with ``model`` and ``cell`` in front.
    """
    named = {DENSE: dense, **cells}
    parts = [part.assign(model=model, cell=name) for name, part in named.items()]
    return pd.concat(parts, ignore_index=True)


def _require(frame: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in frame]
    if missing:
        raise RecordError(
            f"the table of results lacks {', '.join(missing)}; "
            "it needs item_id, probe (or format) and correct"
        )


def _fill(frame: pd.DataFrame, name: str, value: Any) -> None:
    frame[name] = frame[name].where(frame[name].notna(), value) if name in frame else value


def _as_boolean(correct: pd.Series[Any]) -> pd.Series[Any]:
    try:
        number = correct.astype("Float64")
    except (TypeError, ValueError) as error:
        raise RecordError(f"column correct must be true/false or 0/1: {error}") from error
    if not number.dropna().isin([0, 1]).all():
        bad = number[~number.isin([0, 1]) & number.notna()].iloc[0]
        raise RecordError(
            f"column correct holds {bad:g}, not 0 or 1; put a threshold on graded scores first"
        )
    return number.astype("boolean")


def _count_options(frame: pd.DataFrame) -> Any:
    if "options" not in frame:
        return pd.NA
    lists = (list, tuple, np.ndarray)  # asked by type: NumPy's own test costs most of a summary
    return frame["options"].map(lambda shown: len(shown) if isinstance(shown, lists) else pd.NA)


def _refuse_doubled(frame: pd.DataFrame) -> None:
    doubled = frame.duplicated(list(KEY))
    if doubled.any():
        first = frame.loc[doubled, list(KEY)].iloc[0].to_dict()
        where = ", ".join(f"{name} {value!r}" for name, value in first.items())
        raise RecordError(
            f"{int(doubled.sum())} rows are doubled, the first is {where}; keep one row for each"
        )


def languages(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield ``("all", frame)``, then each language with its rows."""
    yield ALL, frame
    for language in sorted(frame["language"].unique()):
        yield language, frame[frame["language"] == language]


def cells(frame: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each variant's front columns and rows, in order of first appearance."""
    for _, part in frame.groupby(["model", "cell"], sort=False):
        yield front_of(part), part


def front_of(part: pd.DataFrame) -> dict[str, Any]:
    """Return the front columns of a cell's first row."""
    return {name: part[name].iloc[0] for name in FRONT}


def flags(series: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a complete nullable boolean column as an array of 0.0 and 1.0."""
    values: NDArray[np.float64] = series.to_numpy(dtype=np.float64)
    return values


def table(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """Return rows as a frame with exactly these columns and types; missing numbers are ``<NA>``.

    A number that could not be computed is never NaN: it is missing, and the column ``reason``
    says why.
    """
    frame = pd.DataFrame(list(rows), columns=list(types))
    return frame.astype(dict(types))
