"""Cells and studies: computed once, reused, resumed, and independent of what ran before."""

import multiprocessing
from dataclasses import replace

import pandas as pd
import pytest

from illusion_lib.errors import ModelError, PruneError, SpecError, StoreError
from illusion_lib.runs import cell as cell_module
from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.executors.local import LocalExecutor
from illusion_lib.runs.job import Outcome
from illusion_lib.runs.plan import plan_cell
from illusion_lib.runs.store import Store
from illusion_lib.runs.sweep import load_study, run_study
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec, TaskSpec


@pytest.fixture(scope="module")
def swept(small_study, tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    return root, run_study(small_study, Store(root))


def content(records):
    return records.drop(columns="seconds")


def test_a_study_runs_every_cell(swept, small_study):
    _, result = swept
    assert result.failures == ()
    assert [c.spec.slug for c in result.cells] == [c.slug for c in small_study.cells()]
    records = result.records
    assert list(records.columns[:7]) == [
        "model",
        "cell",
        "method",
        "sparsity",
        "pattern",
        "label",
        "calibration_seed",
    ]
    assert set(records["cell"]) == {"dense", "magnitude-s050", "wanda-s050", "sparsegpt-2of4"}
    assert records.groupby("cell")["item_id"].nunique().eq(3).all()


def test_the_manifest_says_where_the_records_come_from(swept):
    _, result = swept
    dense, magnitude, wanda, _ = (cell.manifest for cell in result.cells)
    assert dense.weights_before == dense.weights_after == magnitude.weights_before
    assert magnitude.weights_after not in (dense.weights_before, wanda.weights_after)
    assert dense.calibration_sha256 is None
    assert len(wanda.calibration_sha256) == 64
    assert wanda.pruning["sparsity"] == 0.5
    assert {layer["sparsity"] for layer in wanda.pruning["layers"]} == {0.5}
    assert set(wanda.versions) >= {"python", "torch", "transformers", "illusion_lib"}
    assert wanda.items["count"] == 3
    assert wanda.prompts["style"] == "chat"
    assert wanda.scoring_path == "packed"
    assert set(wanda.seconds) == {"load", "calibrate", "prune", "probe"}


def test_finished_cells_are_not_computed_again(swept, monkeypatch):
    root, result = swept

    def refuse(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr(cell_module, "_compute", refuse)
    again = load_study(root)
    pd.testing.assert_frame_equal(again.records, result.records)


def test_a_cell_alone_finds_the_same_as_in_a_study(swept, tmp_path):
    _, result = swept
    for cell in (result.cells[2], result.cells[3]):
        alone = run_cell(cell.spec, Store(tmp_path))
        pd.testing.assert_frame_equal(content(alone.records), content(cell.records))
        assert alone.manifest.weights_after == cell.manifest.weights_after


class Noted:
    """An executor that notes its jobs and refuses them."""

    def run(self, jobs, tick):
        self.order = [job.cell.slug for job in jobs]
        yield from (Outcome(job, "failed", "noted") for job in jobs)


def test_who_collects_statistics_comes_first_and_the_shortest_cell_last(small_study, tmp_path):
    noted = Noted()
    run_study(small_study, Store(tmp_path), executor=noted)
    assert noted.order == ["wanda-s050", "magnitude-s050", "sparsegpt-2of4", "dense"]
    # With nobody else to keep busy while statistics are collected, the dense cell is not kept back.
    run_study(
        replace(small_study, prunings=small_study.prunings[1:]), Store(tmp_path), executor=noted
    )
    assert noted.order == ["wanda-s050", "dense", "sparsegpt-2of4"]


def test_the_key_follows_items_and_checkpoint(small_study, tmp_path):
    spec = small_study.cells()[0]
    assert plan_cell(spec).key == plan_cell(spec).key
    other = replace(spec, task=TaskSpec(languages=("en",), limit=2))
    assert plan_cell(other).key != plan_cell(spec).key


def test_an_edited_calibration_text_is_another_cell(small_study, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("some words " * 50)
    spec = replace(
        small_study.cells()[2], calibration=CalibrationSpec(str(text), samples=2, length=16)
    )
    before = plan_cell(spec).key
    text.write_text("other words " * 50)
    assert plan_cell(spec).key != before
    text.unlink()
    with pytest.raises(SpecError, match="cannot read"):
        plan_cell(spec)


def test_a_failed_cell_does_not_stop_the_others(small_study, tmp_path):
    broken = replace(
        small_study, prunings=(PruneSpec("wanda", pattern="1:7"), PruneSpec("magnitude", 0.5))
    )
    result = run_study(broken, Store(tmp_path))
    assert [cell.spec.slug for cell in result.cells] == ["dense", "magnitude-s050"]
    ((cell, reason),) = result.failures
    assert cell.slug == "wanda-1of7"
    assert "does not divide" in reason
    with pytest.raises(PruneError):
        run_cell(cell, Store(tmp_path))


def test_an_interrupted_study_goes_on_where_it_stopped(small_study, tmp_path, monkeypatch):
    real, computed = cell_module._compute, []

    def interrupted(plan, *rest):
        if len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(plan.spec.slug)
        return real(plan, *rest)

    monkeypatch.setattr(cell_module, "_compute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(small_study, Store(tmp_path))
    monkeypatch.setattr(
        cell_module,
        "_compute",
        lambda plan, *rest: (computed.append(plan.spec.slug), real(plan, *rest))[1],
    )
    result = run_study(small_study, Store(tmp_path))
    assert sorted(computed) == sorted(cell.spec.slug for cell in result.cells)


def test_unknown_models_and_empty_folders_are_refused(small_study, tmp_path):
    with pytest.raises(SpecError, match="has no model other"):
        run_study(small_study, Store(tmp_path), models=["other"])
    with pytest.raises(StoreError, match="not a finished study"):
        load_study(tmp_path)
    with pytest.raises(ModelError, match="unknown model"):
        run_cell(replace(small_study.cells()[0], model=ModelSpec("nothing")), Store(tmp_path))
    assert not (tmp_path / "cells").exists()


class Told:
    """A watch that keeps what it is told."""

    def __init__(self, on_event=lambda event: None):
        self.waiting, self.events, self.on_event = {}, [], on_event

    def begin(self, waiting, total):
        self.waiting, self.total = dict(waiting), total

    def see(self, event):
        self.events.append(event)
        self.on_event(event)

    def of(self, kind):
        return [event.cell for event in self.events if event.kind == kind]


def test_processes_find_the_same_and_name_what_fails(swept, small_study, tmp_path):
    _, result = swept
    prunings = (*small_study.prunings, PruneSpec("wanda", pattern="1:7"))
    told = Told()
    parallel = run_study(
        replace(small_study, prunings=prunings),
        Store(tmp_path),
        executor=LocalExecutor(2),
        watch=told,
    )
    pd.testing.assert_frame_equal(content(parallel.records), content(result.records))
    ((failed, reason),) = parallel.failures
    assert failed.slug == "wanda-1of7"
    assert "does not divide" in reason
    assert len(told.waiting) == told.total == 5
    assert sorted(told.of("started")) == sorted(told.waiting.values())
    assert len(told.of("done")) == 4
    assert told.of("failed") == ["tiny-random wanda-1of7"]
    assert all(e.items == 3 and e.seconds > 0 for e in told.events if e.kind == "done")
    folders = {path.name for path in tmp_path.iterdir()}
    assert folders == {"study.json", "cells", "weights", "calibration", "leases", "events"}
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_killed_worker_costs_its_cell_and_nothing_else(small_study, tmp_path):
    def kill(event):
        if event.what == "probe":
            for process in multiprocessing.active_children():
                process.kill()

    executor = LocalExecutor(2, retries=0)
    result = run_study(small_study, Store(tmp_path), executor=executor, watch=Told(kill))
    assert result.failures
    assert all("killed (SIGKILL)" in reason for _, reason in result.failures)
    again = run_study(small_study, Store(tmp_path))
    assert again.failures == ()
    assert len(again.cells) == 4
