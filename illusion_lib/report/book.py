"""Turn a finished study into a site: stage the book, execute its pages, build and check it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import yaml

from illusion_lib.errors import ReportError
from illusion_lib.report import lean
from illusion_lib.report.crew import Crew
from illusion_lib.report.history import HISTORY, published, remember
from illusion_lib.report.imprint import book_config
from illusion_lib.report.offline import check_offline
from illusion_lib.report.pages import authored_page, by_model, fingerprint, pruned, run_pages
from illusion_lib.report.polish import polish
from illusion_lib.report.render import Page, Progress, is_executable, render_pages
from illusion_lib.report.sources import book_sources, mathjax
from illusion_lib.runs import StudyResult, load_study
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.store import RECORDS
from illusion_lib.runs.sweep import STUDY_FILE

_OURS = ".illusion-site"
_BUILD_LIMIT = 900


def build_report(
    store_folder: Path | str,
    site: Path | str | None = None,
    *,
    strict: bool = True,
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> Path:
    """Build the HTML report of a study.

    Parameters
    ----------
    store_folder
        Folder that `run_study` filled.
    site
        Where the book is staged and built; ``report`` below the store if None.
    strict
        Whether a warning of the book builder is an error.
    crew
        Executes the notebooks; who started it early gains the time that its imports take.
    progress
        Called with a step's name, how many are done, and how many there are.

    Returns
    -------
    Path
        The site's ``index.html``.

    Raises
    ------
    ReportError
        A page or the book failed; no HTML is left that could be taken for a finished report.
    """
    store = Path(store_folder).resolve()
    target = (Path(site) if site is not None else store / "report").resolve()
    result = load_study(store)
    if result.failures:
        cell, reason = result.failures[0]
        raise ReportError(f"cell {cell.slug} of the study could not be run: {reason}")
    _claim(target)
    with Crew() if crew is None else nullcontext(crew) as crew:
        published_runs = published(result, fingerprint(result.cells))
        remember(target / HISTORY, published_runs)
        runs = run_pages(result, store, target)
        authored = _stage(book_sources(), target, result, store)
        _forget_stale(target, runs)
        _write_toc(book_sources(), target, result)
        config = (book_sources() / "_config.yml").read_text(encoding="utf-8")
        shown = book_config(config, result, published_runs[0])
        (target / "_config.yml").write_text(shown, encoding="utf-8")
        # What takes longest begins first: the run's pages, those over many cells most of all. Of
        # the others the lessons do, so that no core waits long for the last page.
        render_pages([*reversed(runs), *reversed(authored)], crew, progress=progress)
    index = _build(target, strict)
    shutil.copyfile(target / HISTORY, index.parent / HISTORY)
    for leftover in index.parent.rglob("*.map"):  # for who debugs the theme; megabytes
        leftover.unlink()
    polish(index.parent)
    check_offline(index.parent)
    return index


def _claim(site: Path) -> None:
    """Refuse to write into a folder that holds something else."""
    # A history of earlier runs may have been put there for this report to go on from.
    foreign = site.is_dir() and any(path.name != HISTORY for path in site.iterdir())
    if foreign and not (site / _OURS).is_file():
        raise ReportError(f"{site} is not empty and no report of ours; name another folder")
    try:
        site.mkdir(parents=True, exist_ok=True)
        (site / _OURS).write_text(
            "This folder is written by illusion_lib; do not keep files here.\n"
        )
        shutil.rmtree(site / "_build", ignore_errors=True)
    except OSError as error:
        raise ReportError(f"cannot write the report to {site}: {error.strerror}") from error


def _stage(sources: Path, site: Path, result: StudyResult, store: Path) -> list[Page]:
    """Copy the authored book into the site; return its pages that must be executed."""
    book = site / "book"
    wanted = {
        path.relative_to(sources / "book"): path
        for path in (sources / "book").rglob("*")
        if path.is_file() and path.relative_to(sources / "book").parts[0] != "runs"
    }
    pages = []
    for relative, path in wanted.items():
        if is_executable(path):
            pages.append(authored_page(path, book / relative, result, store, site))
    kept = {page.target for page in pages}
    for old in sorted(book.rglob("*")) if book.is_dir() else []:
        if old.is_file() and "runs" not in old.relative_to(book).parts[:1] and old not in kept:
            old.unlink()
    executed = {page.template for page in pages}
    for relative, path in wanted.items():
        if path not in executed:
            (book / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, book / relative)
    _stage_mathjax(book / "_static" / "mathjax")
    _stage_records(result, book / "_static" / "records")
    shutil.copyfile(store / STUDY_FILE, book / "_static" / "records" / STUDY_FILE)
    return pages


def _stage_mathjax(target: Path) -> None:
    source = mathjax()
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "tex-chtml.js", target / "tex-chtml.js")
    fonts = Path("output/chtml/fonts/woff-v2")
    shutil.copytree(source / fonts, target / fonts, dirs_exist_ok=True)


def _stage_records(result: StudyResult, target: Path) -> None:
    """Publish the records beside the pages that were computed from them."""
    for model, cells in by_model(result).items():
        (target / model).mkdir(parents=True, exist_ok=True)
        for cell in cells:
            for name in (RECORDS, MANIFEST):
                suffix = Path(name).suffix
                shutil.copyfile(cell.folder / name, target / model / f"{cell.spec.slug}{suffix}")


def _forget_stale(site: Path, pages: list[Page]) -> None:
    """Remove executed run pages that the study no longer has."""
    wanted = {page.target for page in pages}
    for path in sorted((site / "book" / "runs").rglob("*"), reverse=True):
        if path.is_dir():
            shutil.rmtree(path) if path.name == "_failed" or not any(path.iterdir()) else None
        elif path not in wanted:
            path.unlink()


def _write_toc(sources: Path, site: Path, result: StudyResult) -> None:
    """Insert the run's pages after the first part of the authored table of contents."""
    toc: dict[str, Any] = yaml.safe_load((sources / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [
        {
            "file": f"book/runs/{model}/divergence",
            "sections": [{"file": f"book/runs/{model}/{cell.spec.slug}"} for cell in pruned(cells)],
        }
        for model, cells in by_model(result).items()
    ]
    run = {"caption": "This run", "chapters": [*chapters, {"file": "book/runs/anchors"}]}
    for part in toc["parts"]:
        if part["caption"] == run["caption"]:
            part["chapters"] = run["chapters"] + part["chapters"]
            break
    else:
        toc["parts"].insert(0, run)
    (site / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")


def _build(site: Path, strict: bool) -> Path:
    """Run Jupyter Book from scratch; return ``index.html``."""
    # The script need not be on the path, and this way it begins with what makes it quicker.
    start = f"import {lean.__name__}; from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", start, "build", str(site), "--all", "-q"]
    command += ["-W", "-n", "--keep-going"] if strict else []
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_BUILD_LIMIT, check=False, cwd=site
    )
    index = site / "_build" / "html" / "index.html"
    if done.returncode == 0 and index.is_file():
        return index
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    telling = [x for x in lines if re.search(r"warning|error|exception", x, re.IGNORECASE)]
    shutil.rmtree(site / "_build" / "html", ignore_errors=True)
    raise ReportError("the book was not built:\n" + "\n".join((telling or lines)[:12]))
