"""Execute a page's notebook with papermill; publish it whole, clean and marked, or not at all."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from illusion_lib.errors import ReportError
from illusion_lib.report.crew import KERNEL, Crew

WIDGET = "application/vnd.jupyter.widget-view+json"
_MARK = "illusion"
# Whatever kernel a template was last opened with, `python3` is the interpreter that runs this.
_KERNEL = {"name": KERNEL, "display_name": "Python 3", "language": "python"}
LIMIT = 600.0
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Page:
    """A notebook to execute and where its result goes.

    Attributes
    ----------
    template
        An ``.ipynb`` file, or a MyST ``.md`` file with code cells.
    target
        The executed notebook.
    title
        Heading of the page; None keeps the template's own.
    parameters
        Values for the cell tagged ``parameters``.
    fingerprint
        Of the records it reads: when it changes, the page is executed again.
    private
        Texts, such as absolute paths, and what a reader sees in their place.
    """

    template: Path
    target: Path
    title: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    private: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 of all that decides what the page shows."""
        digest = hashlib.sha256(self.template.read_bytes())
        content = [self.title, dict(self.parameters), self.fingerprint, library_hash()]
        digest.update(json.dumps(content, sort_keys=True, default=str).encode())
        return digest.hexdigest()

    @property
    def folds(self) -> bool:
        """Whether its code is folded away: of a notebook about results, not of a lesson."""
        return bool(self.parameters) and self.template.suffix == ".ipynb"

    @property
    def done(self) -> bool:
        """Whether the target is this page, finished."""
        try:
            notebook = json.loads(self.target.read_bytes())
            return bool(notebook["metadata"][_MARK] == {"status": "done", "key": self.key})
        except (OSError, ValueError, KeyError, TypeError):
            return False


@cache
def library_hash() -> str:
    """Return the SHA-256 over the library's source files."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).resolve().parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def render_pages(
    pages: Sequence[Page],
    crew: Crew,
    *,
    limit: float = LIMIT,
    progress: Progress | None = None,
) -> int:
    """Execute what is not yet done, some pages at a time.

    Parameters
    ----------
    pages
        What to render; finished ones with an unchanged key are left alone.
    crew
        Executes them.
    limit
        Seconds that one page may take.
    progress
        Called with the page's name, how many are done, and how many there are.

    Returns
    -------
    int
        How many were executed.

    Raises
    ------
    ReportError
        Some pages failed; each is named with its cell. Nothing of them is published, and the
        half-finished notebooks lie in ``_failed`` beside their targets.
    """
    waiting = [page for page in pages if not page.done]
    failures: list[str] = []
    with ThreadPoolExecutor(crew.size) as pool:
        futures = {pool.submit(render_page, page, crew, limit): page for page in waiting}
        try:
            for count, future in enumerate(as_completed(futures), start=len(pages) - len(waiting)):
                error = future.exception()
                if error is not None and not isinstance(error, ReportError):
                    raise error
                if error is not None:
                    failures.append(str(error))
                if progress is not None:
                    progress(futures[future].target.stem, count + 1, len(pages))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            crew.stop()
            raise
    if failures:
        raise ReportError("\n".join(sorted(failures)))
    return len(waiting)


def render_page(page: Page, crew: Crew, limit: float = LIMIT) -> None:
    """Execute one page and put the cleaned notebook in its place atomically.

    Parameters
    ----------
    page
        What to render.
    crew
        Executes it.
    limit
        Seconds that it may take.

    Raises
    ------
    ReportError
        A cell failed, the time ran out, the kernel died, or the template lacks a parameter.
    """
    name = page.target.stem
    page.target.parent.mkdir(parents=True, exist_ok=True)
    template = read_template(page.template)
    _check_parameters(template, page)
    template.metadata["kernelspec"] = NotebookNode(_KERNEL)
    source = page.target.with_name(f".{page.target.name}.source.ipynb")
    partial = page.target.with_name(f".{page.target.name}.partial.ipynb")
    try:
        nbformat.write(template, source)
        message, stopped = crew.execute(source, partial, page.parameters, limit)
        notebook = nbformat.read(partial, as_version=4) if partial.exists() else None
        # Of a page that was stopped, the notebook only tells that it was interrupted.
        inside = None if notebook is None or stopped else first_error(notebook)
        problem = inside or message
        if notebook is not None and problem:
            failed = page.target.parent / "_failed" / page.target.name
            failed.parent.mkdir(exist_ok=True)
            partial.replace(failed)
            raise ReportError(f"page {name}: {problem}; see {failed}")
        if notebook is None:
            raise ReportError(f"page {name}: {problem}")
        clean(notebook, page)
        partial.write_text(_published_text(notebook, page.private), encoding="utf-8")
        partial.replace(page.target)
    finally:
        source.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


def read_template(path: Path) -> NotebookNode:
    """Return the notebook in an ``.ipynb`` or MyST ``.md`` file, without outputs."""
    if path.suffix == ".ipynb":
        return nbformat.read(path, as_version=4)
    from myst_nb.core.read import read_myst_markdown_notebook

    notebook: NotebookNode = read_myst_markdown_notebook(path.read_text(encoding="utf-8"))
    for cell in notebook.cells:
        cell.setdefault("id", nbformat.v4.new_markdown_cell().id)
    notebook.nbformat_minor = 5
    return notebook


def is_executable(path: Path) -> bool:
    """Whether a book page has code to run: only such pages are executed before the build."""
    return path.suffix == ".md" and "```{code-cell}" in path.read_text(encoding="utf-8")


def parameter_names(notebook: NotebookNode) -> tuple[str, ...]:
    """Return the names that the cell tagged ``parameters`` assigns.

    Raises
    ------
    ReportError
        More than one cell has the tag.
    """
    tagged = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    if len(tagged) > 1:
        raise ReportError("more than one cell is tagged 'parameters'")
    names = []
    for node in ast.parse("\n".join(tagged)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return tuple(names)


def _check_parameters(template: NotebookNode, page: Page) -> None:
    """Refuse what papermill only logs: a parameter that the template does not have."""
    unknown = set(page.parameters) - set(parameter_names(template))
    if unknown:
        raise ReportError(f"{page.template.name} has no parameter {', '.join(sorted(unknown))}")


def first_error(notebook: NotebookNode) -> str | None:
    """Return the first failure recorded in a notebook: its cell, or a widget no book can show."""
    for number, cell in enumerate(notebook.cells, start=1):
        if "papermill-error-cell-tag" in cell.metadata.get("tags", ()):
            continue
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                return (
                    f"cell {number} raised {output.ename}: {' '.join(output.evalue.split())[:300]}"
                )
            if WIDGET in output.get("data", {}):
                return f"cell {number} shows a widget; use plain output"
    return None


def clean(notebook: NotebookNode, page: Page) -> None:
    """Give an executed notebook its heading, tags and mark; drop what belongs to this machine."""
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", ()))
        if cell.cell_type == "code":
            hidden = tags & {"parameters", "injected-parameters"}
            keep = tags & {"remove-cell", "remove-input"} or not page.folds
            folded = set() if keep else {"hide-input"}
            tags |= {"remove-cell"} if hidden else folded
            cell.execution_count = None
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
        cell.metadata = NotebookNode(tags=sorted(tags)) if tags else NotebookNode()
    if page.title is not None:
        _set_title(notebook, page.title)
    kept = {
        k: notebook.metadata[k]
        for k in ("kernelspec", "language_info", "mystnb")
        if k in notebook.metadata
    }
    notebook.metadata = NotebookNode(kept | {_MARK: {"status": "done", "key": page.key}})


def _set_title(notebook: NotebookNode, title: str) -> None:
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        if cell.cell_type == "markdown" and lines[0].startswith("# "):
            cell.source = "\n".join([f"# {title}", *lines[1:]])
            return
    raise ReportError("the template has no heading ('# …') in a markdown cell")


def _published_text(notebook: NotebookNode, private: Mapping[str, str]) -> str:
    text: str = nbformat.writes(notebook)
    for found, shown in _longest_first(private.items()):
        text = text.replace(json.dumps(found)[1:-1], json.dumps(shown)[1:-1])
    return text + "\n"


def _longest_first(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs so that no folder is replaced before what lies in it."""
    return sorted(pairs, key=lambda pair: -len(pair[0]))
