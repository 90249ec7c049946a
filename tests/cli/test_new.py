"""`illusion new`: the file runs as it stands, tells of every field, and never replaces another."""

import re
import sys
from dataclasses import fields
from importlib.resources import files

import pytest
import yaml

from illusion_lib.cli import main
from illusion_lib.runs import find_study
from illusion_lib.runs.studies import study_from
from illusion_lib.specs import CalibrationSpec, ModelSpec, ProbeSpec, PruneSpec, StudySpec, TaskSpec

TEMPLATE = (files("illusion_lib") / "data/templates/study.yml").read_text(encoding="utf-8")


@pytest.fixture
def illusion(monkeypatch, capsys, tmp_path):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["illusion", *arguments])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


def test_the_file_is_a_study_whose_plan_can_be_read(illusion, tmp_path):
    status, said, wrong = illusion("new", "my-study")
    assert (status, wrong) == (0, "")
    assert "illusion sweep my-study.yml --dry-run" in said
    study = find_study(tmp_path / "my-study.yml")
    assert (study.name, len(study.cells())) == ("my-study", 5)
    status, said, wrong = illusion("sweep", "my-study.yml", "--dry-run")
    assert (status, wrong) == (0, "")
    assert "5 cells, 0 finished" in said


@pytest.mark.parametrize("name", ["on", "123", "null"])
def test_names_that_yaml_would_read_as_something_else(illusion, tmp_path, name):
    assert illusion("new", name)[0] == 0
    assert find_study(tmp_path / f"{name}.yml").name == name


def test_nothing_is_overwritten(illusion, tmp_path):
    (tmp_path / "mine.yml").write_text("my work")
    status, _, wrong = illusion("new", "mine")
    assert status == 2
    assert "mine.yml is there already" in wrong
    assert (tmp_path / "mine.yml").read_text() == "my work"


@pytest.mark.parametrize("name", ["My Study", "../up", "a/b", "", "x" * 65])
def test_names_that_are_no_names_are_refused(illusion, tmp_path, name):
    status, _, wrong = illusion("new", name)
    assert status == 2
    assert wrong.startswith("error: study name")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("part", "spec"),
    [
        ("models", ModelSpec),
        ("prunings", PruneSpec),
        ("calibrations", CalibrationSpec),
        ("tasks", TaskSpec),
        ("probe", ProbeSpec),
    ],
)
def test_every_field_is_shown_and_explained_with_its_true_default(part, spec):
    block = re.search(rf"^{part}:.*?(?=^\w|\Z)", TEMPLATE, re.M | re.S)[0]
    lines = re.findall(r"^ +(?:- |# )?(\w+): (.*?) +# (\S.*)$", block, re.M)
    told = {name: value for name, value, _ in lines}
    assert set(told) == {field.name for field in fields(spec)}
    for field in fields(spec):
        if re.search(rf"^\s+# {field.name}:", block, re.M) and field.name != "pattern":
            value = yaml.safe_load(told[field.name])
            default = field.default
            assert value == (list(default) if isinstance(default, tuple) else default), field.name


def test_every_part_of_a_study_is_there():
    parts = re.findall(r"^(\w+):", TEMPLATE, re.M)
    assert parts == [field.name for field in fields(StudySpec)]


def test_fields_shown_as_comments_can_be_switched_on():
    on = re.sub(r"^(\s+)# (\w+: )", r"\1\2", TEMPLATE.replace("{name}", "on"), flags=re.M)
    study = study_from(yaml.safe_load(on), "template")
    assert any(pruning.pattern == "2:4" for pruning in study.prunings)
