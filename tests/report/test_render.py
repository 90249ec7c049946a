import json
import os
import threading
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from illusion_lib.errors import ReportError
from illusion_lib.report import render
from illusion_lib.report.crew import Crew
from illusion_lib.report.render import Page, clean, first_error, read_template, render_pages


@pytest.fixture(scope="module")
def crew():
    with Crew(2) as crew:
        yield crew


def write(path, *code, tags=("parameters",)):
    cells = [
        new_markdown_cell("# Title\n\ntext"),
        new_code_cell("x = 1", metadata={"tags": [*tags]}),
    ]
    nbformat.write(new_notebook(cells=[*cells, *map(new_code_cell, code)]), path)
    return path


def test_published_page_is_clean_marked_and_titled(tmp_path, crew):
    template = write(tmp_path / "t.ipynb", f"print(x, {str(tmp_path)!r})")
    page = Page(template, tmp_path / "out" / "p.ipynb", "Wanda 50 %", {"x": 7},
                private={str(tmp_path): "STORE"})  # fmt: skip
    assert render_pages([page], crew) == 1
    assert render_pages([page], crew) == 0, "a finished page is not executed again"
    text = page.target.read_text()
    notebook = nbformat.read(page.target, as_version=4)
    assert notebook.cells[0].source.startswith("# Wanda 50 %")
    assert "7 STORE" in notebook.cells[-1].outputs[0].text
    assert str(tmp_path) not in text
    assert "papermill" not in json.dumps(notebook.metadata)
    injected = [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", ())]
    assert injected[0].metadata.tags == ["injected-parameters", "remove-cell"]
    assert notebook.cells[-1].metadata.tags == ["hide-input"]
    assert [p.name for p in page.target.parent.iterdir()] == ["p.ipynb"]


def test_failed_page_is_named_and_not_published(tmp_path, crew):
    template = write(tmp_path / "t.ipynb", "raise ValueError('no such thing')")
    page = Page(template, tmp_path / "p.ipynb")
    with pytest.raises(ReportError, match=r"page p: cell \d+ raised ValueError: no such thing"):
        render_pages([page], crew)
    assert not page.target.exists()
    assert (tmp_path / "_failed" / "p.ipynb").exists()


def test_slow_page_is_stopped(tmp_path, crew):
    template = write(tmp_path / "t.ipynb", "import time; time.sleep(60)")
    page = Page(template, tmp_path / "p.ipynb")
    with pytest.raises(ReportError, match="longer than 6 s"):
        render_pages([page], crew, limit=6)
    assert not page.target.exists()


def test_killed_kernel_leaves_nothing(tmp_path, crew):
    template = write(
        tmp_path / "t.ipynb", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    page = Page(template, tmp_path / "p.ipynb")
    with pytest.raises(ReportError, match=r"page p: .*[Kk]ernel"):
        render_pages([page], crew)
    assert not page.target.exists()


def test_pages_run_side_by_side_with_nothing_left_behind(tmp_path, crew):
    code = "import os, time; print(os.getpid(), os.getpgid(0)); time.sleep(1)"
    pages = [
        Page(write(tmp_path / f"t{i}.ipynb", code), tmp_path / f"p{i}.ipynb") for i in range(2)
    ]
    assert render_pages(pages, crew) == 2
    written = [nbformat.read(page.target, as_version=4).cells[-1].outputs[0] for page in pages]
    processes = [tuple(map(int, output.text.split())) for output in written]
    assert len({kernel for kernel, _ in processes}) == 2, "every page has a kernel of its own"
    for _, group in processes:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)


def test_a_page_keeps_nothing_from_the_page_before(tmp_path, crew):
    first = Page(write(tmp_path / "a.ipynb", "import math; math.tau = 0"), tmp_path / "pa.ipynb")
    second = Page(write(tmp_path / "b.ipynb", "import math; math.tau"), tmp_path / "pb.ipynb")
    for page in (first, second):
        render_pages([page], crew)
    assert "6.28" in second.target.read_text()


def test_stopping_ends_the_page_under_way(tmp_path):
    page = Page(write(tmp_path / "t.ipynb", "import time; time.sleep(60)"), tmp_path / "p.ipynb")
    begun = time.monotonic()
    with Crew(1) as crew:
        threading.Timer(1, crew.stop).start()
        with pytest.raises(ReportError, match="page p: the process that executes pages has ended"):
            render_pages([page], crew)
    assert time.monotonic() - begun < 30
    assert not page.target.exists()


def test_unknown_parameter_is_refused_before_running(tmp_path, crew):
    page = Page(write(tmp_path / "t.ipynb"), tmp_path / "p.ipynb", parameters={"y": 1})
    with pytest.raises(ReportError, match="has no parameter y"):
        render_pages([page], crew)


@pytest.mark.parametrize(
    "change", [{"title": "b"}, {"parameters": {"x": 2}}, {"fingerprint": "other"}]
)
def test_key_follows_all_that_decides_the_page(tmp_path, change):
    values = {"template": write(tmp_path / "t.ipynb"), "target": tmp_path / "p.ipynb"}
    values |= {"title": "a", "parameters": {"x": 1}, "fingerprint": "records"}
    assert Page(**values).key == Page(**values).key
    assert Page(**values).key != Page(**(values | change)).key


def test_key_follows_template_and_library(tmp_path, monkeypatch):
    page = Page(write(tmp_path / "t.ipynb"), tmp_path / "p.ipynb")
    before = page.key
    write(tmp_path / "t.ipynb", "1")
    assert page.key != before
    before = page.key
    monkeypatch.setattr(render, "library_hash", lambda: "changed")
    assert page.key != before


def test_widgets_and_errors_are_found():
    bad = new_code_cell(outputs=[new_output("error", ename="E", evalue="v")])
    widget = new_code_cell(outputs=[new_output("display_data", {render.WIDGET: {}})])
    assert first_error(new_notebook(cells=[bad])) == "cell 1 raised E: v"
    assert "widget" in first_error(new_notebook(cells=[widget]))
    assert first_error(new_notebook(cells=[new_code_cell("1")])) is None


def test_page_without_heading_cannot_be_titled(tmp_path):
    page = Page(write(tmp_path / "t.ipynb"), tmp_path / "p.ipynb", "title")
    with pytest.raises(ReportError, match="no heading"):
        clean(new_notebook(cells=[new_code_cell("1")]), page)


def test_myst_page_is_read_as_a_notebook(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Head\n\n```{code-cell} python3\n:tags: [parameters]\nx = 1\n```\n")
    notebook = read_template(path)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code"]
    assert notebook.cells[1].metadata["tags"] == ["parameters"]
    nbformat.validate(notebook)
