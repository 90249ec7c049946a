"""Which pages a report has, what each is called, and which records each is computed from."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from illusion_lib.pruning.registry import DENSE
from illusion_lib.report.history import HISTORY
from illusion_lib.report.render import Page, read_template
from illusion_lib.report.render import parameter_names as names_of
from illusion_lib.report.sources import book_sources
from illusion_lib.runs import CellResult, StudyResult
from illusion_lib.runs.sweep import STUDY_FILE

START = "intro.md"


def run_pages(result: StudyResult, store: Path, site: Path) -> list[Page]:
    """Return one page per pruned cell, one per model, and one over all models."""
    templates = book_sources() / "notebooks"
    runs = site / "book" / "runs"
    common = {"study": str(store / STUDY_FILE), "store": str(store)}
    private = _private(result, store, site)
    pages = []
    for model, cells in by_model(result).items():
        dense = next(cell for cell in cells if cell.spec.prune.method == DENSE)
        name = dense.spec.model.name
        shown = Path(name).name if os.path.isabs(name) else name
        hidden = private if shown == name else private | {name: shown}
        for cell in pruned(cells):
            prune = cell.spec.prune
            wanted = {
                "model": name,
                "method": prune.method,
                "sparsity": 0.0 if prune.pattern else prune.sparsity,
                "pattern": prune.pattern,
                "calibration_seed": cell.spec.calibration.seed,
            }
            pages.append(
                Page(
                    templates / "cell.ipynb",
                    runs / model / f"{cell.spec.slug}.ipynb",
                    page_title(cell),
                    common | wanted,
                    fingerprint([cell, dense]),
                    hidden,
                )
            )
        pages.append(
            Page(
                templates / "divergence.ipynb",
                runs / model / "divergence.ipynb",
                f"{model}: where recognition and production part",
                common | {"model": name},
                fingerprint(cells),
                hidden,
            )
        )
    everything = fingerprint(result.cells)
    title = "Anchors: how few questions are enough?"
    anchors = Page(templates / "anchors.ipynb", runs / "anchors.ipynb", title, common, everything)
    return [*pages, anchors]


def pruned(cells: list[CellResult]) -> list[CellResult]:
    """Return the cells that have a page of their own; the dense one is part of each of these."""
    return [cell for cell in cells if cell.spec.prune.method != DENSE]


def page_title(cell: CellResult) -> str:
    """Return the heading of a cell's page, which is its entry in every menu too."""
    draw = cell.spec.slug.rpartition("-c")
    seed = f", calibration draw {draw[2]}" if draw[1] and draw[2].isdigit() else ""
    label = cell.spec.prune.label
    return f"{label[0].upper()}{label[1:]}{seed} · {cell.spec.model.slug}"


def start_title(result: StudyResult) -> str:
    """Return the question that the start page answers, with the model that it answers it for."""
    return f"Can you trust multiple choice on {result.cells[0].spec.model.slug}?"


def by_model(result: StudyResult) -> dict[str, list[CellResult]]:
    """Return the finished cells of each model, by its slug, one per cell slug, in study order."""
    models: dict[str, dict[str, CellResult]] = {}
    for cell in result.cells:
        models.setdefault(cell.spec.model.slug, {}).setdefault(cell.spec.slug, cell)
    return {model: list(cells.values()) for model, cells in models.items()}


def fingerprint(cells: list[CellResult] | tuple[CellResult, ...]) -> str:
    """Return the SHA-256 over the cells' records."""
    return hashlib.sha256("".join(c.manifest.records_sha256 for c in cells).encode()).hexdigest()


def authored_page(path: Path, target: Path, result: StudyResult, store: Path, site: Path) -> Page:
    """Return an authored page with code; one with a `store` parameter reads the records."""
    known = names_of(read_template(path))
    history = site / HISTORY
    values = {"study": str(store / STUDY_FILE), "store": str(store), "history": str(history)}
    # A page is executed again when what it reads has changed.
    read = {"store": fingerprint(result.cells), "history": _sha256(history)}
    return Page(
        path,
        target.with_suffix(".ipynb"),
        start_title(result) if path.name == START else None,
        parameters={name: values[name] for name in known if name in values},
        fingerprint="".join(text for name, text in read.items() if name in known),
        private=_private(result, store, site),
    )


def _private(result: StudyResult, store: Path, site: Path) -> dict[str, str]:
    """Return what a page shows in place of the folders of this machine."""
    name = result.study.name
    return {str(store / STUDY_FILE): name, str(store): f"runs/{name}", str(site): "report"}


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
