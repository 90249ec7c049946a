"""Read the per-item logs of lm-evaluation-harness and tables of results from files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from illusion_lib.errors import RecordError
from illusion_lib.foreign import understood
from illusion_lib.records import PRODUCTION, RECOGNITION

# Metrics of the harness that say right or wrong, in the order in which they are taken.
_PICKED = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
_WRITTEN = ("exact_match", "pass@1", "em", "contains")


_SAMPLES = re.compile(r"samples_(.+?)(?:_\d{4}-\d{2}-\d{2}T[\d.:-]+)?")
_MOST_NAMED = 12


def read_results(path: str | Path, metric: str | None = None) -> pd.DataFrame:
    """Return a table of results from a file or a folder.

    Parameters
    ----------
    path
        ``.parquet`` or ``.csv`` with the columns of `tidy`; ``.jsonl`` with those, or a
        ``samples_*.jsonl`` log of lm-evaluation-harness (written by ``--log_samples``). A folder:
        of one finished cell, or of the harness's logs, of which the latest of each task is read.
    metric
        Of such a log; by default ``acc``, ``acc_norm`` or ``exact_match``, whichever comes first.
        With several answer filters as the harness writes it: ``exact_match,strict-match``.

    Returns
    -------
    DataFrame
        Ready for `tidy`. From a log: ``item_id`` (the document's number), ``item_hash``,
        ``probe`` (``choice`` for the accuracies over options, else ``open``), ``n_options`` where
        known, ``correct``, ``cell`` (the file's name).

    Raises
    ------
    RecordError
        The file cannot be read, has several answer filters, or lacks the metric; the folder holds
        several cells or nothing to read.
    """
    file = Path(path)
    if file.is_dir():
        return _from_folder(file, metric)
    if not file.exists():
        raise RecordError(f"{file} does not exist; give a file of results or a cell's folder")
    with understood(file, RecordError):
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        if file.suffix == ".csv":
            return pd.read_csv(file)
        if file.suffix == ".jsonl":
            return _from_lines(_read_lines(file), file, metric)
    raise RecordError(f"cannot read {file}: give a .parquet, .csv or .jsonl file")


def _from_folder(folder: Path, metric: str | None) -> pd.DataFrame:
    cells = [path for path in sorted(folder.rglob("records.parquet")) if _is_kept(path, folder)]
    logs = {} if cells else _latest_logs(folder)
    if len(cells) == 1:
        return read_results(cells[0])
    if cells:
        some = ", ".join(str(cell.parent) for cell in cells[:_MOST_NAMED])
        raise RecordError(f"{folder} holds {len(cells)} cells; name the folder of one: {some}")
    if not logs:
        raise RecordError(f"{folder} holds neither records.parquet nor samples_*.jsonl")
    parts = []
    for task, log in logs.items():
        part = read_results(log, metric)
        parts.append(part.assign(item_id=f"{task}:" + part["item_id"], cell=folder.name))
    return pd.concat(parts, ignore_index=True)


def _is_kept(cell: Path, folder: Path) -> bool:
    """Return whether a cell is finished and sound: not half-written, not in quarantine."""
    parts = cell.relative_to(folder).parts
    return not any(part.startswith(".") or part == "quarantine" for part in parts)


def _latest_logs(folder: Path) -> dict[str, Path]:
    """Return the latest log of each task; the names end in the time of the run."""
    found_logs = sorted(folder.rglob("samples_*.jsonl"), key=lambda path: path.name)
    homes = sorted({str(log.parent) for log in found_logs})
    if len(homes) > 1:
        raise RecordError(
            f"{folder} holds the logs of several models; name one: {', '.join(homes)}"
        )
    logs: dict[str, Path] = {}
    for log in found_logs:
        found = _SAMPLES.fullmatch(log.stem)
        logs[found[1] if found else log.stem] = log
    return logs


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
    metric, _, wanted = (metric or "").partition(",")
    name = metric or _choose_metric(rows[0], file)
    filters = list(dict.fromkeys(str(row.get("filter", "none")) for row in rows))
    if wanted:
        rows = [row for row in rows if str(row.get("filter", "none")) == wanted]
    if not rows or (len(filters) > 1 and not wanted):
        choices = ", ".join(f"{name},{each}" for each in filters)
        raise RecordError(f"{file} holds {len(filters)} answer filters; name one metric: {choices}")
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
