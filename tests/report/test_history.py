"""Earlier runs are kept, counted once, compared with the one before, and read with care."""

import json
from dataclasses import replace

import pytest

from illusion_lib.errors import ReportError
from illusion_lib.report.history import (
    citation,
    history_table,
    published,
    read_history,
    remember,
)
from illusion_lib.report.pages import fingerprint
from illusion_lib.report.start import Start


@pytest.fixture(scope="module")
def run(study_result):
    (only,) = published(study_result, fingerprint(study_result.cells))
    return only


def test_a_run_has_the_numbers_of_the_start_page(run, records):
    verdict = Start(records).verdict
    assert run.pruning == verdict["quoted_label"]
    assert run.gap == pytest.approx(verdict["gap"], abs=1e-6)
    assert run.low < run.gap < run.high
    assert run.run == f"2026-01-02-{run.records[:8]}"


def test_a_run_is_remembered_once(run, tmp_path):
    path = tmp_path / "runs.json"
    remember(path, [run])
    remember(path, [run])
    assert read_history(path) == (run,)
    other = replace(run, records="0" * 64, run="later")
    remember(path, [other])
    assert read_history(path) == (run, other)


def test_the_table_tells_the_difference_from_the_last(run, tmp_path):
    path = tmp_path / "runs.json"
    later = replace(run, records="0" * 64, run="later", gap=run.gap + 0.25)
    foreign = replace(run, records="1" * 64, run="foreign", study="other", gap=0.0)
    remember(path, [run, foreign, later])
    shown = history_table(path).content
    assert shown.index("later") < shown.index("foreign") < shown.index(run.run)
    assert shown.count('<td class="number">+0.25</td>') == 1
    assert "Published runs: 3" in shown


def test_gaps_of_different_prunings_are_not_compared(run, tmp_path):
    path = tmp_path / "runs.json"
    remember(path, [run, replace(run, records="0" * 64, gap=run.gap + 0.25, pruning="other")])
    assert "+0.25" not in history_table(path).content


def test_the_newest_run_is_cited_by_its_permanent_name(run, tmp_path):
    path = tmp_path / "runs.json"
    assert citation(path).content == ""
    remember(path, [run, replace(run, records="0" * 64, run="2026-02-03-later")])
    shown = citation(path).content
    assert '<span data-run="2026-02-03-later">' in shown
    assert run.run not in shown


def test_without_a_history_the_page_says_so(tmp_path):
    assert "No run" in history_table(None).content
    assert "No run" in history_table(tmp_path / "none.json").content


@pytest.mark.parametrize("text", ["{", "[1]", '[{"run": "x"}]', "3"])
def test_a_foreign_file_is_refused(tmp_path, text):
    path = tmp_path / "runs.json"
    path.write_text(text)
    with pytest.raises(ReportError, match="no list of earlier runs"):
        read_history(path)


def test_hostile_names_are_shown_as_text(run, tmp_path):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps([{**json.loads(_dump(run)), "title": "t", "run": '"><img src=x>'}]))
    assert "<img" not in history_table(path).content
    assert "<img" not in citation(path).content


def _dump(run):
    from dataclasses import asdict

    return json.dumps(asdict(run))
