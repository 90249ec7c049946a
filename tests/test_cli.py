"""The command line: one clear line and a status for what cannot be done, results for the rest."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from illusion_lib.cli import main

TINY = """
name: mini
models: [tiny-random]
prunings: [{method: magnitude, sparsity: [0.5]}]
tasks: [{languages: [en], limit: 3}]
probe: {max_new_tokens: 4, beams: 2, samples: 2, demonstrations: 1}
"""


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def illusion(monkeypatch, capsys):
    def run(*arguments, cwd=None):
        monkeypatch.setattr(sys, "argv", ["illusion", *map(str, arguments)])
        monkeypatch.chdir(cwd or ".")
        with pytest.raises(SystemExit) as end:
            main()
        return Done(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "mini.yml"
    path.write_text(TINY)
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "nonsense"], "unknown study 'nonsense'"),
        (["report", "nowhere"], "nowhere has no study.json"),
        (["report"], "name the folder of a finished sweep"),
        (["probe", "no-model", "--out", "o"], "unknown model 'no-model'"),
        (["probe", "tiny-random", "--out", "o", "--items", "x.jsonl"], "x.jsonl"),
        (["prune", "tiny-random", "--out", "o", "--sparsity", "1"], "must lie in [0, 1)"),
        (["prune", "tiny-random", "--out", "o"], "Add --sparsity 0.5 or --pattern 2:4"),
        (["prune", "tiny-random", "--out", "o", "--pattern", "3:7"], "does not divide"),
        (["prune", "tiny-random", "--out", "o", "--method", "x"], "unknown pruning method 'x'"),
        (["prune", "tiny-random", "--out", ".", "--sparsity", "0.5"], "--force"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(illusion, tmp_path, arguments, message):
    done = illusion(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_plan_sweep_and_sweep_again(illusion, study, tmp_path):
    plan = illusion("sweep", study, "--out", tmp_path / "out", "--dry-run")
    assert plan.returncode == 0
    assert "2 cells, 0 finished" in plan.stdout
    assert not (tmp_path / "out").exists()
    first = illusion("sweep", study, "--out", tmp_path / "out", "--workers", 1)
    assert (first.returncode, first.stderr) == (0, "")
    assert "2 of 2 cells" in first.stdout
    again = illusion("sweep", study, "--out", tmp_path / "out", "--dry-run")
    assert "2 cells, 2 finished; about 0.0 min" in again.stdout


def test_what_fails_every_cell_is_said_once(illusion, study, tmp_path):
    path = tmp_path / "missing.yml"
    path.write_text(study.read_text().replace("tiny-random", "no-model"))
    done = illusion("sweep", path, "--out", tmp_path / "run", "--workers", "1")
    assert done.returncode == 1
    assert "failed: no-model dense, no-model magnitude-s050: unknown model" in done.stderr
    assert done.stderr.count("unknown model") == 1


def test_prune_takes_documents_languages_and_a_text_for_perplexity(illusion, tmp_path):
    text = "the capital of France is Paris " * 20
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}))
    (tmp_path / "a.txt").write_text(text)
    size = ("--samples", 2, "--length", 8, "--sparsity", 0.5)
    for name, options in {
        "one": ("--calibration", "a.jsonl", "--perplexity", "a.txt", "--stream"),
        "two": ("--language", "es", "--language", "en", "--statistics", "one_pass"),
    }.items():
        done = illusion("prune", "tiny-random", "--out", name, *size, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "windows of 8 tokens" in done.stdout
    assert "source a.jsonl" in (tmp_path / "one" / "README.md").read_text()
    assert "languages es, en" in (tmp_path / "two" / "README.md").read_text()
    assert "statistics: one_pass" in (tmp_path / "two" / "README.md").read_text()


def test_prune_writes_a_checkpoint_that_can_be_probed(illusion, tmp_path):
    done = illusion("prune", "tiny-random", "--sparsity", 0.5, "--out", "pruned", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "achieved sparsity 0.5000" in done.stdout
    assert "0.5000" in (tmp_path / "pruned" / "README.md").read_text()
    probed = illusion(
        "probe", "pruned", "--language", "en", "--limit", 3, "--out", "found", cwd=tmp_path
    )
    assert (probed.returncode, probed.stderr) == (0, "")
    assert "choice" in probed.stdout
    assert list(tmp_path.glob("found/cells/pruned/dense-*/records.parquet"))


def test_models_and_version(illusion):
    assert "smollm2-135m-instruct" in illusion("models").stdout
    assert illusion("--version").stdout.startswith("illusion 0.")


def test_an_interrupt_says_that_nothing_is_lost(illusion, study, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("illusion_lib.runs.executors.local.start", interrupted)
    done = illusion("sweep", study, "--out", tmp_path / "out", "--workers", 1)
    assert done.returncode == 130
    assert "what is finished is kept" in done.stderr


def test_the_installed_command_starts():
    command = Path(sys.executable).with_name("illusion")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert "sweep" in done.stdout


@pytest.fixture
def two_sets(tmp_path):
    items = [f"q{i}" for i in range(20)]
    frame = pd.DataFrame({"item": items, "format": "open", "correct": True})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.assign(correct=[i > 5 for i in range(20)]).to_csv(tmp_path / "b.csv", index=False)
    return tmp_path


def test_compare_prints_a_table_json_or_a_page(illusion, two_sets):
    shown = illusion("compare", "a.csv", "b.csv", cwd=two_sets)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "−0.30 [" in shown.stdout
    content = json.loads(illusion("compare", "a.csv", "b.csv", "--format", "json").stdout)
    assert content["rows"][0]["right_to_wrong"] == 6
    page = illusion("compare", "a.csv", "b.csv", "--format", "html").stdout
    assert page.startswith("<!doctype html>")


def test_compare_says_what_it_cannot_read(illusion, two_sets):
    done = illusion("compare", "a.csv", "none.csv", cwd=two_sets)
    assert done.returncode == 2
    assert "error: none.csv does not exist" in done.stderr
