import json
import re

import pytest
import yaml

from illusion_lib.errors import ReportError
from illusion_lib.report import book
from illusion_lib.report.book import build_report
from illusion_lib.report.offline import check_offline, external_loads
from illusion_lib.report.pages import authored_page, run_pages
from illusion_lib.report.sources import book_sources, mathjax


def test_sources_are_found():
    assert (book_sources() / "_config.yml").is_file()
    assert (mathjax() / "tex-chtml.js").is_file()


def test_config_and_toc_are_right():
    root = book_sources()
    config = yaml.safe_load((root / "_config.yml").read_text())
    extensions = config["sphinx"]["config"]["extensions"]
    assert "sphinx_thebe" not in extensions
    assert {"myst_nb", "jupyter_book", "sphinx_book_theme"} <= set(extensions)
    assert config["execute"]["execute_notebooks"] == "off"
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    listed = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    assert len(listed) == len(set(listed))
    pages = {str(p.relative_to(root).with_suffix("")) for p in (root / "book").rglob("*.md")}
    assert set(listed) == {page for page in pages if not page.startswith("book/runs/")}


def test_run_pages_are_the_cells_of_the_study(study_result, study_folder, tmp_path):
    pages = run_pages(study_result, study_folder, tmp_path)
    names = sorted(str(page.target.relative_to(tmp_path)) for page in pages)
    cells = ["magnitude-s030", "magnitude-s050", "wanda-2of4", "wanda-s030", "wanda-s050"]
    wanted = [f"book/runs/tiny-random/{name}.ipynb" for name in [*cells, "divergence"]]
    assert names == sorted([*wanted, "book/runs/anchors.ipynb"])
    titles = [page.title for page in pages]
    assert len(titles) == len(set(titles))
    assert "Wanda 2:4 · tiny-random" in titles
    for page in pages:
        json.dumps(dict(page.parameters))


def test_stale_pages_go_and_wanted_ones_stay(study_result, study_folder, tmp_path):
    pages = run_pages(study_result, study_folder, tmp_path)
    kept, stale = pages[0].target, pages[0].target.with_name("gone.ipynb")
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    stale.write_text("{}")
    (kept.parent / "_failed").mkdir()
    book._forget_stale(tmp_path, pages)
    assert kept.exists()
    assert not stale.exists()
    assert not (kept.parent / "_failed").exists()


def test_foreign_folder_is_refused(study_folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ReportError, match="not empty and no report"):
        build_report(study_folder, tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("html", "loads"),
    [
        ('<script src="https://cdn.example/x.js">', True),
        ('<img alt="" src="//cdn.example/x.png">', True),
        ('<link rel="stylesheet" href="https://x.example/a.css">', True),
        ('<a href="https://example.org">text</a>', False),
        ('<link rel="canonical" href="https://example.org/">', False),
        ('<script src="_static/x.js">', False),
    ],
)
def test_external_loads_are_told_from_links(tmp_path, html, loads):
    page = tmp_path / "p.html"
    page.write_text(html)
    assert bool(list(external_loads(page))) == loads
    if loads:
        with pytest.raises(ReportError, match=r"p\.html loads"):
            check_offline(tmp_path)


@pytest.mark.slow
def test_study_becomes_a_book(site, study_result):
    """The `site` fixture builds it with warnings as errors and refuses any external address."""
    pages = sorted(str(p.relative_to(site)) for p in (site / "book").rglob("*.html"))
    assert "book/intro.html" in pages
    assert "book/runs/tiny-random/wanda-2of4.html" in pages
    titles = [re.search("<title>(.*?)</title>", (site / p).read_text(), re.S)[1] for p in pages]
    assert len(set(titles)) == len(titles)
    assert "Can you trust multiple choice on tiny-random?" in " ".join(titles)
    total = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert total < 25e6
    for cell in study_result.cells:
        assert (
            site / "_static" / "records" / "tiny-random" / f"{cell.spec.slug}.parquet"
        ).is_file()
    text = (site / "book" / "runs" / "tiny-random" / "wanda-s050.html").read_text()
    assert "<img src=x onerror" not in text
    assert "injected-parameters" not in text
    assert str(site.parents[2]) not in text


def test_a_history_put_there_before_is_no_foreign_folder(study_result, tmp_path):
    (tmp_path / "runs.json").write_text("[]")
    book._claim(tmp_path)
    assert (tmp_path / "runs.json").read_text() == "[]"
    (tmp_path / ".illusion-site").unlink()
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ReportError, match="not empty"):
        book._claim(tmp_path)


def test_a_page_is_executed_again_when_what_it_reads_has_changed(
    study_result, study_folder, tmp_path
):
    history = tmp_path / "runs.json"
    page = book_sources() / "book" / "history.md"
    keys = set()
    for text in ("[]", "[ ]"):
        history.write_text(text)
        made = authored_page(page, tmp_path / "h.md", study_result, study_folder, tmp_path)
        assert made.parameters == {"history": str(history)}
        keys.add(made.key)
    assert len(keys) == 2
