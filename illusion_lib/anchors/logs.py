"""How do other evaluators' per-item logs become a matrix? lm-eval, lighteval, inspect_ai."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from illusion_lib.anchors.eval_archive import read_head, read_samples
from illusion_lib.anchors.load import from_long
from illusion_lib.anchors.matrix import ResponseMatrix, refuse
from illusion_lib.errors import AnchorError
from illusion_lib.foreign import understood

PREFERRED = ("exact_match", "acc_norm", "acc", "em", "pass@1", "f1")
"""Which metric is taken, if none is named and an item has several."""

# inspect_ai's letters, and the words that it counts as well.
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


class Answer(NamedTuple):
    """One model's score on one item; `content` is a hash that all models must share, or empty."""

    model: str
    task: str
    item: str
    score: float
    content: str = ""


def load_lm_eval(
    folder: str | Path, metric: str | None = None, filter_name: str | None = None
) -> ResponseMatrix:
    """Read folders written by lm-evaluation-harness with ``--log_samples``.

    Parameters
    ----------
    folder
        Holds one folder per model with ``samples_<task>_<time>.jsonl`` files; of several runs of
        one task the newest counts. The model's name is that in the ``results_<time>.json`` beside
        them, or the folder's where there is none.
    metric
        Which of a sample's metrics; the first of `PREFERRED` it has if None.
    filter_name
        Which answer filter (``strict-match``, ``flexible-extract``); needed if there are several.

    Returns
    -------
    ResponseMatrix
        Items are named ``task/doc_id``; categories are the tasks.

    Raises
    ------
    AnchorError
        Nothing found, several filters to choose from, a metric absent, or one item's text differs
        between models.
    """
    newest: dict[tuple[str, str], tuple[str, Path]] = {}
    for file in sorted(Path(folder).rglob("samples_*.jsonl")):
        task, time = _task_and_time(file.stem.removeprefix("samples_"))
        key = _lm_eval_model(file.parent, time), task
        newest[key] = max(newest.get(key, ("", file)), (time, file))  # times sort as text
    answers = [
        answer
        for (model, task), (_, file) in newest.items()
        for answer in _all(_lm_eval_file(file, model, task, metric, filter_name), file)
    ]
    return _matrix(answers, folder, "samples_*.jsonl files of lm-evaluation-harness")


def load_lighteval(folder: str | Path, metric: str | None = None) -> ResponseMatrix:
    """Read the details that lighteval writes with ``--save-details``.

    Parameters
    ----------
    folder
        The output folder, or its ``details`` folder:
        ``details/<model>/<time>/details_<task>_<time>.parquet``; the newest run of a task counts.
    metric
        Which metric; the first of `PREFERRED` an item has if None.
    """
    newest: dict[tuple[str, str], Path] = {}
    root = Path(folder)
    root = root / "details" if (root / "details").is_dir() else root
    for file in sorted(root.rglob("details_*.parquet")):
        task, _ = _task_and_time(file.stem.removeprefix("details_"))
        model = file.parent.parent.relative_to(root).as_posix()
        newest[root.name if model == "." else model, task] = file
    answers = [
        answer
        for (model, task), file in newest.items()
        for answer in _all(_lighteval_file(file, model, task, metric), file)
    ]
    return _matrix(answers, folder, "details_*.parquet files of lighteval")


def load_inspect(folder: str | Path, scorer: str | None = None) -> ResponseMatrix:
    """Read inspect_ai logs (``.eval`` or ``.json``), epochs of a sample averaged.

    Parameters
    ----------
    folder
        Holds the logs of all models; of several logs of one model and task the newest counts.
    scorer
        Which scorer's value; needed where samples have several. C, P, I and N count as 1, 1/2, 0
        and 0, yes and no (or true and false) as 1 and 0. A sample that failed, or was left
        unscored, is a missing answer.
    """
    newest: dict[tuple[str, str], tuple[str, Path]] = {}
    files = [*Path(folder).rglob("*.eval"), *Path(folder).rglob("*.json")]
    for file in sorted(files):
        with understood(file.name, AnchorError):
            head = _inspect_head(file)
            if head is None:
                continue
            about = head["eval"]
            key = str(about["model"]), str(about["task"])
            newest[key] = max(newest.get(key, ("", file)), (str(about.get("created", "")), file))
    answers = [
        answer
        for (model, task), (_, file) in newest.items()
        for answer in _all(_inspect_file(file, model, task, scorer), file)
    ]
    return _matrix(answers, folder, ".eval or .json logs of inspect_ai", average=True)


def _all(answers: Iterator[Answer], file: Path) -> list[Answer]:
    with understood(file.name, AnchorError):
        return list(answers)


def _lm_eval_model(folder: Path, time: str) -> str:
    """Return the name in the run's results; folders have other names where a path was one."""
    results = sorted(folder.glob(f"*_{time}.json")) if time else []
    for file in results:
        held = _json(file.read_text("utf-8"), file)
        if isinstance(held, dict) and held.get("model_name"):
            return str(held["model_name"])
    return folder.name.replace("__", "/")


def _lm_eval_file(
    file: Path, model: str, task: str, metric: str | None, filter_name: str | None
) -> Iterator[Answer]:
    rows = [_json(line, file) for line in file.read_text("utf-8").splitlines() if line.strip()]
    filters = sorted({str(row.get("filter", "none")) for row in rows})
    if filter_name is None:
        refuse(len(filters) > 1, f"{file.name} has the filters {filters}; name one as filter_name")
    else:
        refuse(filter_name not in filters, f"{file.name} has no filter {filter_name!r}: {filters}")
        rows = [row for row in rows if str(row.get("filter", "none")) == filter_name]
    for row in rows:
        item = f"{task}/{row.get('doc_id')}"
        named = row.get("metrics") or [name for name in PREFERRED if name in row]
        values = {name: row[name] for name in named if name in row}
        score = _score(values, metric, file, item)
        yield Answer(model, task, item, score, str(row.get("doc_hash", "")))


def _lighteval_file(file: Path, model: str, task: str, metric: str | None) -> Iterator[Answer]:
    table = pq.read_table(file)
    column = next((name for name in ("metric", "metrics") if name in table.column_names), None)
    refuse(column is None, f"{file.name} has no column 'metric'; it has {table.column_names}")
    wanted = [name for name in (column, "doc") if name in table.column_names]
    for place, row in enumerate(table.select(wanted).to_pylist()):
        doc = row.get("doc") or {}
        item = f"{task}/{doc.get('id') or place}"
        values = row[column] or {}
        refuse(
            not isinstance(values, dict),
            f"{file.name}: {item!r} has its metrics as one text, to which lighteval falls back "
            "where details fit no table; such details cannot be read",
        )
        known = {name: value for name, value in values.items() if value is not None}
        yield Answer(model, task, item, _score(known, metric, file, item))


def _inspect_file(file: Path, model: str, task: str, scorer: str | None) -> Iterator[Answer]:
    for sample in _inspect_samples(file):
        item = f"{task}/{sample['id']}"
        scores = sample.get("scores") or {}
        if sample.get("error") and not scores:
            yield Answer(model, task, item, math.nan)  # the sample failed: a missing answer
            continue
        refuse(not scores, f"{file.name}: sample {item!r} has no score; score the log first")
        if scorer is None:
            refuse(
                len(scores) > 1, f"{file.name} has the scorers {sorted(scores)}; name one as scorer"
            )
        else:
            refuse(scorer not in scores, f"{file.name} has no scorer {scorer!r}: {sorted(scores)}")
        value = scores[scorer or next(iter(scores))]["value"]
        yield Answer(model, task, item, _graded(value, file, item))


def _graded(value: Any, file: Path, item: str) -> float:
    """Return an inspect_ai score as its own metrics count it; NaN, "unscored", stays missing."""
    if isinstance(value, str):
        value = _GRADES.get(value, _WORDS.get(value.lower(), value))
    return _number(value, file, item)


def _inspect_head(file: Path) -> dict[str, Any] | None:
    """Return a log's header; None if a .json file is not a log."""
    if file.suffix == ".json":
        held = _json(file.read_text("utf-8"), file)
        return held if isinstance(held, dict) and "eval" in held and "samples" in held else None
    return read_head(file)


def _inspect_samples(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix == ".json":
        yield from _json(file.read_text("utf-8"), file)["samples"]
    else:
        yield from read_samples(file)


def _task_and_time(stem: str) -> tuple[str, str]:
    """Part ``task_2024-05-01T10-00-00.123456`` at its time."""
    match = re.fullmatch(r"(.+)_(\d{4}-\d\d-\d\dT[\d.:-]+)", stem)
    return (match[1], match[2]) if match else (stem, "")


def _score(values: Mapping[str, Any], metric: str | None, file: Path, item: str) -> float:
    names = [name for name in ((metric,) if metric else PREFERRED) if name in values]
    if metric is None and not names and len(values) == 1:
        names = list(values)
    refuse(not names, f"{file.name}: {item!r} lacks metric {metric!r}; it has {sorted(values)}")
    return _number(values[names[0]], file, item)


def _number(value: Any, file: Path, item: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise AnchorError(f"{file.name}: {item!r} has the score {value!r}, no number") from error


def _json(text: str, file: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise AnchorError(f"{file.name} is not JSON: {error}") from error


def _matrix(
    answers: Iterable[Answer], folder: str | Path, what: str, average: bool = False
) -> ResponseMatrix:
    with understood(folder, AnchorError):
        return _pivoted(pd.DataFrame(answers, columns=list(Answer._fields)), folder, what, average)


def _pivoted(frame: pd.DataFrame, folder: str | Path, what: str, average: bool) -> ResponseMatrix:
    refuse(frame.empty, f"no {what} under {folder}")
    versions = frame[frame["content"] != ""].groupby("item")["content"].nunique()
    differ = versions[versions > 1]
    refuse(
        len(differ) > 0,
        f"item {differ.index[0]!r} is another question for some models (its doc_hash differs); "
        "they were run on different versions of the task"
        if len(differ)
        else "",
    )
    if average:
        kept = ["model", "task", "item"]
        frame = frame.groupby(kept, sort=False)["score"].mean().reset_index()
    return from_long(frame, "model", "item", "score", "task")
