"""Which runs were published before, and what has changed since the one before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from illusion_lib.errors import ReportError
from illusion_lib.escape import attribute, plain
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import Format, absent, share, signed, with_interval
from illusion_lib.report.tables import table
from illusion_lib.runs import StudyResult

HISTORY = "runs.json"
_KEPT = 500


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """One run of a study on one model, in the numbers of its start page.

    Attributes
    ----------
    run
        Date and records hash; the folder below ``runs/`` under which the site stays.
    study, title, model
        What was run.
    created
        Day on which its last cell was computed, ISO 8601.
    records
        SHA-256 over the records of all cells.
    version
        Of the library.
    verdict, pruning
        The rule's verdict, and the pruning that the start page quotes.
    gap, low, high
        Retention gap under that pruning with its 95 % interval; None where it cannot be told.
    lost_rate, control_rate
        Share of lost answers, and of the controls, that a search brings back.
    """

    run: str
    study: str
    title: str
    model: str
    created: str
    records: str
    version: str
    verdict: str
    pruning: str
    gap: float | None = None
    low: float | None = None
    high: float | None = None
    lost_rate: float | None = None
    control_rate: float | None = None


def published(result: StudyResult, records_sha256: str) -> tuple[PublishedRun, ...]:
    """Return what a study's report is remembered by, one entry a model.

    Parameters
    ----------
    result
        The finished study.
    records_sha256
        Over the records of all its cells.
    """
    # Imported here, because it takes seconds: meanwhile the report's pages begin.
    from illusion_lib.report.start import Start

    created = max(cell.manifest.created for cell in result.cells)[:10]
    versions = result.cells[0].manifest.versions
    frame = result.records
    runs = []
    for model in dict.fromkeys(frame["model"]):
        start = Start(frame[frame["model"] == model])
        verdict, excess = start.verdict, start.excess
        runs.append(
            PublishedRun(
                run=f"{created}-{records_sha256[:8]}",
                study=result.study.name,
                title=result.study.title,
                model=str(model),
                created=created,
                records=records_sha256,
                version=str(versions.get("illusion_lib", "")),
                verdict=str(verdict["verdict"]),
                pruning=str(verdict["quoted_label"]),
                gap=_number(verdict["gap"]),
                low=_number(verdict["low"]),
                high=_number(verdict["high"]),
                lost_rate=_number(excess.get("lost_rate")),
                control_rate=_number(excess.get("control_rate")),
            )
        )
    return tuple(runs)


def _number(value: Any) -> float | None:
    return None if absent(value) else round(float(value), 6)


def read_history(path: Path) -> tuple[PublishedRun, ...]:
    """Return the runs in a history file, oldest first; none where there is no file.

    Raises
    ------
    ReportError
        The file is no history of ours.
    """
    if not path.is_file():
        return ()
    names = {field.name for field in fields(PublishedRun)}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            PublishedRun(**{k: v for k, v in entry.items() if k in names}) for entry in entries
        )
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise ReportError(
            f"{path} is no list of earlier runs ({error}); remove it to begin anew"
        ) from error


def remember(path: Path, runs: Sequence[PublishedRun]) -> None:
    """Add runs to a history file; a run that it already holds is not added again."""
    before = read_history(path)
    known = {(run.records, run.model) for run in before}
    new = [run for run in runs if (run.records, run.model) not in known]
    kept = [*before, *new][-_KEPT:]
    text = json.dumps([asdict(run) for run in kept], ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def history_table(path: Path | str | None) -> Html:
    """Return the runs, the newest first, each with its difference from the one before.

    Compared are runs of the same study on the same model.
    """
    runs = read_history(Path(path)) if path is not None else ()
    if not runs:
        return Html("<p>No run has been published from this folder yet.</p>")
    last: dict[tuple[str, str], PublishedRun] = {}
    rows = []
    for run in runs:
        before = last.get((run.study, run.model))
        rows.append(_row(run, before))
        last[run.study, run.model] = run
    caption = (
        f"Published runs: {len({run.run for run in runs})}, the newest first. "
        "The gap is that of the pruning named, with its 95 % interval; the change is from the run "
        "of the same study and model before. 0 would be no illusion."
    )
    formats: dict[str, Format] = {"gap": str, "change": signed, "found": str}
    names = {"found": "lost answers brought back, vs control"}
    return table(pd.DataFrame(rows[::-1]), caption, formats, names, ("run",))


def citation(path: Path | str | None) -> Html:
    """Return how to cite the newest run: what it is, its permanent name, what it rests on."""
    runs = read_history(Path(path)) if path is not None else ()
    if not runs:
        return Html("")
    run = runs[-1]
    return Html(
        f"<p>To cite this run: the illusion_lib authors ({plain(run.created[:4])}). "
        f"<em>{plain(run.title)}</em>. Run {_named(run)}, computed {plain(run.created)} with "
        f"illusion_lib {plain(run.version)}; SHA-256 of its records {plain(run.records[:16])}…</p>"
    )


def _named(run: PublishedRun) -> str:
    """Return a run's name as HTML that ``tools/publish.py`` turns into its permanent link."""
    return f'<span data-run="{attribute(run.run)}">{plain(run.run)}</span>'


def _row(run: PublishedRun, before: PublishedRun | None) -> dict[str, Any]:
    change = None
    if before is not None and run.gap is not None and before.gap is not None:
        change = run.gap - before.gap if before.pruning == run.pruning else None
    found = None
    if run.lost_rate is not None:
        control = "no control" if run.control_rate is None else f"vs {share(run.control_rate)}"
        found = f"{share(run.lost_rate)} {control}"
    return {
        "run": _named(run),
        "study": run.study,
        "model": run.model,
        "verdict": run.verdict.replace("_", " "),
        "pruning": run.pruning,
        "gap": None if run.gap is None else with_interval(run.gap, run.low, run.high, signed),
        "change": change,
        "found": found,
    }
