"""Read the per-item logs of lm-evaluation-harness and tables of results from files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from illusion_lib.errors import RecordError
from illusion_lib.records import PRODUCTION, RECOGNITION

# Metrics of the harness that say right or wrong, in the order in which they are taken.
_PICKED = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
_WRITTEN = ("exact_match", "pass@1", "em", "contains")


def read_results(path: str | Path, metric: str | None = None) -> pd.DataFrame:
    """Return a table of results from a file.

    Parameters
    ----------
    path
        ``.parquet`` or ``.csv`` with the columns of `tidy`; ``.jsonl`` with those, or a
        ``samples_*.jsonl`` log of lm-evaluation-harness (written by ``--log_samples``).
    metric
        Of such a log; by default ``acc``, ``acc_norm`` or ``exact_match``, whichever comes first.

    Returns
    -------
    DataFrame
        Ready for `tidy`. From a log: ``item_id`` (the document's number), ``item_hash``,
        ``probe`` (``choice`` for the accuracies over options, else ``open``), ``n_options`` where
        known, ``correct``, ``cell`` (the file's name).

    Raises
    ------
    RecordError
        The file cannot be read, has several answer filters, or lacks the metric.
    """
    file = Path(path)
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        if file.suffix == ".csv":
            return pd.read_csv(file)
        if file.suffix == ".jsonl":
            return _from_lines(_read_lines(file), file, metric)
    except (OSError, ValueError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"cannot read {file}: {' '.join(str(error).split())[:200]}") from error
    raise RecordError(f"cannot read {file}: give a .parquet, .csv or .jsonl file")


def _read_lines(file: Path) -> list[dict[str, Any]]:
    rows = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise RecordError(f"{file}, line {number} is not JSON: {error.msg}") from error
                if not isinstance(row, dict):
                    raise RecordError(f"{file}, line {number} is not a JSON object")
                rows.append(row)
    if not rows:
        raise RecordError(f"{file} has no line")
    return rows


def _from_lines(rows: list[dict[str, Any]], file: Path, metric: str | None) -> pd.DataFrame:
    if "doc_id" not in rows[0]:
        return pd.DataFrame(rows)
    filters = list(dict.fromkeys(str(row.get("filter", "none")) for row in rows))
    if len(filters) > 1:
        raise RecordError(
            f"{file} holds {len(filters)} answer filters ({', '.join(filters)}); "
            "keep the lines of one of them"
        )
    name = metric or _choose_metric(rows[0], file)
    parsed = []
    for row in rows:
        if name not in row:
            raise RecordError(f"{file}: document {row.get('doc_id')} has no metric {name!r}")
        parsed.append(_parse(row, name, file.stem))
    return pd.DataFrame(parsed)


def _choose_metric(row: Mapping[str, Any], file: Path) -> str:
    for name in (*_PICKED, *_WRITTEN):
        if name in row:
            return name
    known = ", ".join(row.get("metrics") or []) or "none"
    raise RecordError(f"{file} has no right-or-wrong metric (found: {known}); name one")


def _parse(row: Mapping[str, Any], metric: str, cell: str) -> dict[str, Any]:
    picked = metric in _PICKED
    scored = row.get("filtered_resps") or row.get("resps")
    return {
        "cell": cell,
        "item_id": str(row["doc_id"]),
        "item_hash": row.get("doc_hash"),
        "probe": RECOGNITION if picked else PRODUCTION,
        "n_options": len(scored) if picked and isinstance(scored, list) else None,
        "correct": row[metric],
    }
