"""A pruned checkpoint is written whole or not at all; a killed run goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from illusion_lib.errors import SpecError, StoreError
from illusion_lib.models import load_model
from illusion_lib.pruning import calibrate, gathering, perplexity, prune
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.runs import export
from illusion_lib.runs.export import export_pruned
from illusion_lib.runs.journal import FolderJournal
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec

TINY = ModelSpec("tiny-random", dtype="float32")
SPEC = PruneSpec("sparsegpt", 0.5)
CALIBRATION = CalibrationSpec(samples=3, length=8)


def exported(folder: Path, spec: PruneSpec = SPEC, **options):
    return export_pruned(TINY, spec, CALIBRATION, folder, device="cpu", **options)


@pytest.fixture
def killed(tmp_path):
    """Return the folder of a run that ended after its first block."""

    def stop(what, done, total):
        if (what, done) == ("prune", 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(tmp_path / "out", progress=stop)
    return tmp_path / "out"


@pytest.fixture
def gathered(monkeypatch):
    """Names of the blocks whose statistics are gathered."""
    names, original = [], gathering.inputs_of

    def noted(block, *rest):
        names.append(block.name)
        return original(block, *rest)

    monkeypatch.setattr("illusion_lib.pruning.engine.inputs_of", noted)
    return names


def test_transformers_loads_what_the_engine_pruned(tmp_path):
    done = exported(tmp_path / "out")
    model = load_model(TINY, "cpu")
    report = prune(model, SPEC, calibrate(model, samples=3, length=8))
    assert done.report == report
    net = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    for name, weight in net.state_dict().items():
        assert torch.equal(weight, model.net.state_dict()[name])
    assert AutoTokenizer.from_pretrained(tmp_path / "out").get_vocab()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_card_and_the_result_say_the_same(tmp_path):
    done = exported(tmp_path / "out", PruneSpec("wanda", 0.5))
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"dense {done.dense.value:.3f}, pruned {done.pruned.value:.3f}" in card
    assert "8 windows of 8 tokens" in card
    assert "calibration: 3 windows of 8 tokens, source self, seed 0" in card
    assert "neither smaller nor faster" in card
    for layer in done.report.layers:
        assert f"| {layer.name} | {layer.sparsity:.4f} |" in card
    model = load_model(ModelSpec(str(tmp_path / "out"), dtype="float32"), "cpu")
    dense = load_model(TINY, "cpu")
    held_out = calibrate(dense, samples=8, length=8, seed=export._HELD_OUT_DRAWS)
    assert perplexity(dense, held_out) == done.dense
    assert perplexity(model, held_out).value == pytest.approx(done.pruned.value, rel=1e-5)


def test_the_card_says_what_a_pattern_counts_and_what_to_know(tmp_path, monkeypatch):
    """No expert of the tiny model is ever idle: a layer without tokens is made up."""
    original = gathering.inputs_of

    def idle(block, *rest):
        found = original(block, *rest)
        name = block.matrices[0].name
        found[name] = InputStatistics.empty(block.matrices[0].columns, "norms", torch.device("cpu"))
        return found

    monkeypatch.setattr("illusion_lib.pruning.engine.inputs_of", idle)
    done = exported(tmp_path / "out", PruneSpec("wanda", pattern="1:4"))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "pattern: 1 kept of every 4 consecutive weights of a row" in card
    assert f"- note: {done.report.notes[0]}" in card
    assert "| 0.7500 | no calibration token reached it: pruned by magnitude |" in card


def test_perplexity_on_a_text_file(tmp_path):
    (tmp_path / "text.txt").write_text("The capital of France is Paris. " * 20)
    done = exported(tmp_path / "out", PruneSpec("magnitude", 0.5), text=str(tmp_path / "text.txt"))
    assert done.dense.windows > 8
    assert done.dense.length == 8
    assert "text.txt" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("method", ["dense", "magnitude", "rtn_int4"])
def test_methods_without_calibration(tmp_path, method):
    spec = PruneSpec(method, 0.5 if method == "magnitude" else 0.0)
    done = exported(tmp_path / "out", spec)
    assert "calibration" not in (tmp_path / "out" / "README.md").read_text().split("perplexity")[0]
    assert (done.dense == done.pruned) == (method == "dense")


def test_a_killed_run_goes_on_at_the_next_block(killed, gathered, tmp_path):
    assert not killed.exists()
    blocks = find_blocks(load_model(TINY, "cpu").net)
    resumed = exported(killed)
    assert gathered == [block.name for block in blocks[1:]]
    whole = exported(tmp_path / "other")
    assert resumed == whole
    one, other = (load_file(f / "model.safetensors") for f in (killed, tmp_path / "other"))
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]


def test_another_request_does_not_take_over_the_blocks(killed, gathered):
    exported(killed, PruneSpec("sparsegpt", 0.4))
    assert len(gathered) == len(find_blocks(load_model(TINY, "cpu").net))


def test_a_half_written_block_is_pruned_again(killed, gathered):
    (stored,) = killed.parent.glob(".out.unfinished/*.safetensors")
    stored.write_bytes(stored.read_bytes()[:-10])
    exported(killed)
    assert len(gathered) == len(find_blocks(load_model(TINY, "cpu").net))


def test_a_run_killed_outright_goes_on(tmp_path, gathered):
    """The same with SIGKILL, which no code can answer."""
    script = f"""
import os, signal
from pathlib import Path
from illusion_lib.runs.export import export_pruned
from illusion_lib.specs import *
def stop(what, done, total):
    if (what, done) == ("prune", 1):
        os.kill(os.getpid(), signal.SIGKILL)
export_pruned({TINY!r}, {SPEC!r}, {CALIBRATION!r}, Path("out"), device="cpu", progress=stop)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    exported(tmp_path / "out")
    blocks = find_blocks(load_model(TINY, "cpu").net)
    assert gathered == [block.name for block in blocks[1:]]


def test_the_journal_gives_back_weights_and_reports(tmp_path):
    model = load_model(TINY, "cpu")
    block = find_blocks(model.net)[0]
    journal = FolderJournal(tmp_path / "j", "k")
    assert journal.recall(block) is None
    report = prune(model, PruneSpec("magnitude", 0.5), journal=journal)
    fresh = find_blocks(load_model(TINY, "cpu").net)[0]
    layers = FolderJournal(tmp_path / "j", "k").recall(fresh)
    assert tuple(layers) == report.layers[: len(layers)]
    for a, b in zip(block.matrices, fresh.matrices, strict=True):
        assert torch.equal(a.read(), b.read())
    assert FolderJournal(tmp_path / "j", "other").recall(fresh) is None


class TestRefusals:
    def test_an_existing_folder_without_force(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").touch()
        with pytest.raises(StoreError, match="--force"):
            exported(tmp_path / "out")
        assert (tmp_path / "out" / "mine").exists()
        exported(tmp_path / "out", PruneSpec("magnitude", 0.5), force=True)
        assert not (tmp_path / "out" / "mine").exists()

    def test_a_pattern_that_does_not_divide_before_any_work(self, tmp_path):
        steps = []
        with pytest.raises(Exception, match="does not divide"):
            exported(
                tmp_path / "out",
                PruneSpec("wanda", pattern="3:7"),
                progress=lambda what, done, total: steps.append(what),
            )
        assert steps == ["load"]
        assert not list(tmp_path.iterdir())

    def test_streaming_to_several_devices(self, tmp_path):
        with pytest.raises(SpecError, match="one device"):
            export_pruned(TINY, SPEC, CALIBRATION, tmp_path / "out", device="balanced", stream=True)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(StoreError, match="Permission denied"):
            exported(tmp_path / "locked" / "out")


def test_streamed_equals_unstreamed(tmp_path):
    one, other = exported(tmp_path / "a"), exported(tmp_path / "b", stream=True)
    assert one == other
