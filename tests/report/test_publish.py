"""Publishing keeps earlier runs under their addresses and links what is there."""

import importlib.util
import json
from pathlib import Path

import pytest

from illusion_lib.report.history import PublishedRun, history_table, remember

_FILE = Path(__file__).parents[2] / "tools" / "publish.py"
_SPEC = importlib.util.spec_from_file_location("publish_tool", _FILE)
tool = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tool)


def run(name):
    return PublishedRun(
        run=name, study="quick", title="t", model="m", created="2026-01-02",
        records=name, version="0.1.0", verdict="illusion", pruning="Wanda 40 %", gap=0.5,
    )  # fmt: skip


def built(folder, runs):
    (folder / "book").mkdir(parents=True)
    remember(folder / "runs.json", runs)
    shown = history_table(folder / "runs.json").content
    (folder / "book" / "history.html").write_text(shown, encoding="utf-8")
    (folder / "index.html").write_text(runs[-1].run)
    named = f'<p class="imprint"><span data-run="{runs[-1].run}">this run</span></p>'
    (folder / "book" / "runs").mkdir()
    (folder / "book" / "runs" / "cell.html").write_text(named)
    return folder


def test_every_run_keeps_its_address(tmp_path):
    pages = tmp_path / "pages"
    first = built(tmp_path / "one", [run("2026-01-01-aaaaaaaa")])
    assert tool.publish(first, pages) == "runs/2026-01-01-aaaaaaaa"
    (pages / "old.html").write_text("of an earlier version")
    (pages / ".git").mkdir()
    second = built(tmp_path / "two", [run("2026-01-01-aaaaaaaa"), run("2026-01-02-bbbbbbbb")])
    assert tool.publish(second, pages) == "runs/2026-01-02-bbbbbbbb"
    assert (pages / "index.html").read_text() == "2026-01-02-bbbbbbbb"
    assert (pages / "runs/2026-01-01-aaaaaaaa/index.html").read_text() == "2026-01-01-aaaaaaaa"
    assert not (pages / "old.html").exists()
    assert (pages / ".git").is_dir()
    for page in ("book/history.html", "runs/2026-01-02-bbbbbbbb/book/history.html"):
        text = (pages / page).read_text(encoding="utf-8")
        for name in ("2026-01-01-aaaaaaaa", "2026-01-02-bbbbbbbb"):
            (link,) = [x for x in text.split('"') if x.endswith(f"{name}/index.html")]
            assert ((pages / page).parent / link).resolve().is_file()
    for root in (pages, pages / "runs/2026-01-02-bbbbbbbb"):
        cell = root / "book/runs/cell.html"
        (link,) = [x for x in cell.read_text().split('"') if x.endswith("index.html")]
        assert (cell.parent / link).resolve() == pages / "runs/2026-01-02-bbbbbbbb/index.html"
    assert len(json.loads((pages / "runs.json").read_text())) == 2


def test_a_run_that_is_not_there_is_no_link(tmp_path):
    both = built(tmp_path / "site", [run("2026-01-01-aaaaaaaa"), run("2026-01-02-bbbbbbbb")])
    tool.publish(both, tmp_path / "pages")
    text = (tmp_path / "pages/book/history.html").read_text(encoding="utf-8")
    assert text.count("<a ") == 1
    assert "2026-01-01-aaaaaaaa" in text


def test_a_site_without_a_run_is_refused(tmp_path):
    (tmp_path / "site").mkdir()
    with pytest.raises(SystemExit, match=r"has no runs\.json"):
        tool.publish(tmp_path / "site", tmp_path / "pages")
    assert not (tmp_path / "pages").exists()
