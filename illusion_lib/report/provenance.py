"""Tell where a page's numbers come from: model, settings, files, and the command to repeat it."""

from __future__ import annotations

import html
import shlex
from collections.abc import Sequence
from typing import Any

import pandas as pd

from illusion_lib.escape import attribute, plain
from illusion_lib.items.judging import MEASURES, PRIMARY
from illusion_lib.items.sources import SOURCES
from illusion_lib.report.degraded import batch_dependence, degraded
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import MISSING, count, percent
from illusion_lib.report.repeat import repeat_commands
from illusion_lib.report.tables import table
from illusion_lib.runs import CellResult, StudyResult


def cell_summary(result: StudyResult) -> Html:
    """Return what was run on a cell's page, as a short list."""
    cell = result.cells[-1]
    manifest, prune = cell.manifest, cell.spec.prune
    entries = [
        ("Model", f"{plain(cell.spec.model.slug)}. {plain(manifest.checkpoint_note)}"),
        ("Pruning", html.escape(_pruning(cell))),
        ("Questions", _questions(cell)),
        ("Prompts", html.escape(_prompts(manifest.prompts))),
        ("Right if", html.escape(_measure(cell))),
        ("Computed", html.escape(f"{manifest.device}, {manifest.dtype}, {manifest.created[:10]}")),
    ]
    entries += _trust([cell], cell.records)
    if prune.method != "dense" and manifest.pruning.get("notes"):
        entries.append(("Note", plain("; ".join(manifest.pruning["notes"]))))
    return _definitions(entries)


def _trust(cells: Sequence[CellResult], records: pd.DataFrame) -> list[tuple[str, str]]:
    return [
        ("Fell back", html.escape(degraded(cells, records))),
        ("Batches", html.escape(batch_dependence(cells))),
    ]


def _pruning(cell: CellResult) -> str:
    prune, done = cell.spec.prune, cell.manifest.pruning
    if prune.method == "dense":
        return "none; this is what the pruned cells are compared with"
    text = f"{prune.label} of every linear layer in the decoder blocks"
    if "model_sparsity" in done:
        text += f"; {percent(done['model_sparsity'])} of all the model's parameters are zero"
    if done.get("calibration_tokens"):
        source = cell.spec.calibration.source
        origin = "sampled from the dense model itself" if source == "self" else "of a text file"
        text += f"; calibrated on {count(done['calibration_tokens'])} tokens {origin}"
    return text + ". Zeros like these make the model neither smaller nor faster."


def _questions(cell: CellResult) -> str:
    """Return HTML: the names come from whoever wrote the questions."""
    records = cell.records
    languages = plain(", ".join(sorted(records["language"].unique())), 1000)
    relations = plain(", ".join(sorted(records["relation"].unique())), 1000)
    return f"{records['item_id'].nunique()} ({languages}; {relations}), asked in every format"


def _measure(cell: CellResult) -> str:
    """Return which measure decided what is correct; chosen in advance for each set."""
    source = SOURCES.get(cell.spec.task.name)
    if source is not None:
        return MEASURES[source.primary]
    return f"{MEASURES[PRIMARY['name']]}; of a sentence, if {MEASURES[PRIMARY['sentence']]}"


def _prompts(prompts: dict[str, Any]) -> str:
    style = prompts.get("style", MISSING)
    return f"{style} form, template {str(prompts.get('sha256', MISSING))[:12]}"


def _definitions(entries: list[tuple[str, str]]) -> Html:
    rows = "".join(f"<dt>{html.escape(name)}</dt><dd>{text}</dd>" for name, text in entries)
    return Html(f'<dl class="facts">{rows}</dl>')


def provenance(result: StudyResult) -> Html:
    """Return the files behind a page, and the command that computes them again.

    In the book each file can be downloaded: ``illusion.js`` turns ``data-file`` into a link.
    """
    rows = [_file_row(cell) for cell in result.cells]
    files = table(
        pd.DataFrame(rows),
        "Records (Parquet, a row for each question, probe and target) and manifests (JSON: "
        "versions, seeds, fingerprints, prompts, achieved sparsity of every layer).",
        {"rows": count, "seconds": count},
        {"seconds": "seconds to compute", "key": "content key"},
        ("records", "manifest"),
    )
    inside = f"{files.content}<p>To repeat it:</p>{_command(result)}"
    return Html(f'<div id="provenance">{inside}</div>')


def _file_row(cell: CellResult) -> dict[str, Any]:
    stem = f"{cell.spec.model.slug}/{cell.spec.slug}"
    links = {
        name: f'<span data-file="{attribute(f"{stem}.{suffix}")}">{suffix}</span>'
        for name, suffix in (("records", "parquet"), ("manifest", "json"))
    }
    return {
        "pruning": cell.spec.prune.label,
        **links,
        "rows": len(cell.records),
        "seconds": sum(cell.manifest.seconds.values()),
        "key": cell.manifest.key[:12],
    }


def _command(result: StudyResult) -> str:
    """Return the plain papermill command of one cell, or the sweep of several."""
    if len({cell.spec.slug for cell in result.cells}) <= 2 and len(result.cells) <= 2:
        spec = result.cells[-1].spec
        words = ["papermill", "notebooks/cell.ipynb", "out.ipynb", "-p", "model", spec.model.name]
        words += ["-p", "method", spec.prune.method, "-p", "study", result.study.name]
        if spec.prune.pattern:
            words += ["-p", "pattern", spec.prune.pattern]
        elif spec.prune.sparsity:
            words += ["-p", "sparsity", f"{spec.prune.sparsity:g}"]
        if spec.calibration.seed:
            words += ["-p", "calibration_seed", str(spec.calibration.seed)]
        command = shlex.join(words)
    else:
        command = "\n".join(repeat_commands(result.study))
    return f"<pre>{html.escape(command)}</pre>"


def study_summary(result: StudyResult) -> Html:
    """Return what a study ran, for the start page and the page on how it was made."""
    models = dict.fromkeys(cell.spec.model.slug for cell in result.cells)
    notes = dict.fromkeys(filter(None, (cell.manifest.checkpoint_note for cell in result.cells)))
    prunings = dict.fromkeys(cell.spec.prune.label for cell in result.cells)
    seconds = sum(sum(cell.manifest.seconds.values()) for cell in result.cells)
    first = result.cells[0]
    versions = ", ".join(f"{k} {v}" for k, v in first.manifest.versions.items())
    # A question's source may name several, one for each part of it; each is said once.
    named = [
        s for c in result.cells for text in c.manifest.items["sources"] for s in text.split("; ")
    ]
    sources = "; ".join(dict.fromkeys(named))
    return _definitions(
        [
            ("Models", "; ".join(plain(name) for name in models)),
            ("Weights", " ".join(plain(text, 600) for text in notes) or MISSING),
            ("Prunings", html.escape(", ".join(prunings))),
            ("Questions", _questions(first)),
            ("Facts from", plain(sources, 600) if sources else MISSING),
            ("Prompts", html.escape(_prompts(first.manifest.prompts))),
            ("Computed", html.escape(f"{first.manifest.device}, {count(seconds)} s in all")),
            ("Versions", html.escape(versions)),
            *_trust(result.cells, result.records),
        ]
    )


def prompts(result: StudyResult) -> Html:
    """Return the prompts of the first model, literally."""
    template = result.cells[0].manifest.prompts.get("template", {})
    entries = [(kind, f"<pre>{plain(text, 4000)}</pre>") for kind, text in template.items()]
    return _definitions(entries) if entries else Html("<p>The manifest records no template.</p>")
