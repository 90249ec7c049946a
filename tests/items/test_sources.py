"""Sets are found by name, and only the settings that a set heeds make other cells."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest
from typer.testing import CliRunner

from illusion_lib.cli import app
from illusion_lib.errors import ItemError
from illusion_lib.items import items_removed, load_items
from illusion_lib.items.judging import MEASURES, PRIMARY
from illusion_lib.items.sources import SOURCES
from illusion_lib.runs.plan import removed_counts, task_items
from illusion_lib.runs.studies import find_study
from illusion_lib.specs import CellSpec, ModelSpec, StudySpec, TaskSpec


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_has_a_reader(name):
    assert callable(SOURCES[name].reader().read)


def test_the_full_study_asks_what_the_sets_have():
    tasks = {task.name: task for task in find_study("full").tasks}
    assert set(tasks) == {"xquad", "tydiqa"}
    assert set(tasks["xquad"].languages) == set(import_module("illusion_lib.items.xquad").LANGUAGES)
    assert set(tasks["tydiqa"].languages) < set(import_module("illusion_lib.items.tydiqa")._NAMES)
    assert all(task.limit == 200 and task.passage for task in tasks.values())


def test_the_full_study_can_be_planned_without_its_data(tmp_path):
    result = CliRunner().invoke(
        app, ["sweep", "full", "--dry-run", "--out", str(tmp_path / "runs")]
    )
    assert result.exit_code == 0, result.output
    cells = find_study("full").cells()
    assert f"{len(cells)} cells, 0 finished" in result.output
    assert not (tmp_path / "runs").exists()


def test_the_folder_and_settings_that_a_set_ignores_are_no_part_of_the_key():
    facts = CellSpec(ModelSpec("tiny"), task=TaskSpec())
    assert set(facts.canonical()["task"]) == {"name", "languages", "relations", "limit", "seed"}
    assert replace(facts, task=TaskSpec(passage=False)).canonical() == facts.canonical()
    here = replace(facts, task=TaskSpec("xquad", path="/here"))
    assert replace(facts, task=TaskSpec("xquad", path="/there")).canonical() == here.canonical()
    assert replace(facts, task=TaskSpec("xquad", passage=False)).canonical() != here.canonical()


def test_two_folders_in_a_study_are_two_cells():
    tasks = (TaskSpec("xquad", path="/here"), TaskSpec("xquad", path="/there"))
    assert len(StudySpec("two", "Two", (ModelSpec("tiny"),), (), tasks=tasks).cells()) == 2


def test_a_task_hands_its_settings_on(make, tmp_path):
    make.json(tmp_path / "xquad.en.json", make.squad("en"))
    task = TaskSpec("xquad", ("en",), (), 4, 0, str(tmp_path), passage=False)
    items = task_items(task)
    assert len(items) == 4
    assert {item.relation for item in items} == {"xquad-closed"}
    assert removed_counts(task) == {}
    assert removed_counts(TaskSpec())["leak"] > 0


@pytest.mark.parametrize("name", ["facts", "own.jsonl"])
def test_a_folder_for_a_set_that_needs_none_is_refused(name):
    with pytest.raises(ItemError, match="is not read from a folder; leave path"):
        load_items(name, path="/somewhere")


def test_an_own_file_has_no_removals(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("id,language,relation,question,answer,distractors\n1,en,a,b,c,d\n")
    assert items_removed(str(path)) == ()


def test_the_primary_measure_of_a_set_is_that_of_its_answers(make, tmp_path):
    make.json(tmp_path / "xquad.en.json", make.squad("en"))
    items = {
        "facts": load_items("facts", ["en"], [], 5),
        "xquad": load_items("xquad", ["en"], [], path=str(tmp_path)),
    }
    for name, loaded in items.items():
        assert {PRIMARY[item.kind] for item in loaded} == {SOURCES[name].primary}
    assert SOURCES["truthfulqa"].primary == PRIMARY["sentence"]
    assert set(MEASURES) == {source.primary for source in SOURCES.values()}
