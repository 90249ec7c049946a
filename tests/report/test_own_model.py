"""What the page on your own model says can be done: its commands exist, its examples are valid."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from typer.testing import CliRunner

from illusion_lib.cli import app
from illusion_lib.items import load_items
from illusion_lib.report.render import parameter_names
from illusion_lib.runs.studies import study_from

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "own_model.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def commands(program):
    joined = "\n".join(blocks("bash")).replace("\\\n", " ")
    parts = [
        part.split("#")[0].strip() for line in joined.splitlines() for part in line.split("&&")
    ]
    return [part.split() for part in parts if part.startswith(program + " ")]


@pytest.mark.parametrize("command", commands("illusion"), ids=" ".join)
def test_every_command_and_option_exists(command):
    shown = CliRunner().invoke(app, [command[1], "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for option in (word for word in command if word.startswith("--")):
        assert option in shown.output


@pytest.mark.parametrize("command", commands("papermill"), ids=" ".join)
def test_every_notebook_has_the_parameters_given(command):
    notebook = nbformat.read(ROOT / command[1], as_version=4)
    given = [command[i + 1] for i, word in enumerate(command) if word == "-p"]
    assert given
    assert set(given) <= set(parameter_names(notebook))


def test_the_study_is_one():
    (text,) = blocks("yaml")
    assert len(study_from(yaml.safe_load(text), "page").cells()) == 20


def test_the_question_is_read(tmp_path):
    (text,) = blocks("json")
    path = tmp_path / "river.jsonl"
    path.write_text(" ".join(text.split()) + "\n", encoding="utf-8")
    (item,) = load_items(str(path), languages=[], relations=[])
    assert "Nile" in item.accepted


@pytest.mark.slow
def test_python_and_papermill_run_on_the_tiny_model(tmp_path):
    (code,) = blocks("python")
    small = code.replace("smollm2-135m-instruct", "tiny-random").replace("limit=40", "limit=3")
    exec(small, {})
    command = ["notebooks/cell.ipynb", str(tmp_path / "out.ipynb"), "--cwd", str(tmp_path)]
    command += ["-p", "model", "tiny-random", "-p", "method", "wanda", "-p", "sparsity", "0.5"]
    command += ["-p", "study", "tiny", "--no-progress-bar"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *command], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "runs" / "tiny" / "cells").is_dir()
