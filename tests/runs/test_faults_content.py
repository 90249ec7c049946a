"""What goes wrong inside: damaged files, memory, nonsense numbers, a lost folder, two drivers."""

import random
import threading
from dataclasses import replace

import fake_cells
import pandas as pd
import pytest
import torch

from illusion_lib import models
from illusion_lib.errors import StoreError
from illusion_lib.runs import cell as cell_module
from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.leases import Leases
from illusion_lib.runs.shared import Shared
from illusion_lib.runs.store import Store
from illusion_lib.runs.sweep import run_study
from illusion_lib.specs import ProbeSpec, PruneSpec


@pytest.fixture(autouse=True)
def quick_fakes(monkeypatch):
    monkeypatch.setattr(fake_cells, "LONGEST", 0.02)


@pytest.fixture
def faked(monkeypatch):
    monkeypatch.setattr(cell_module, "_compute", fake_cells.compute)


def content(result):
    return {cell.spec.slug: cell.table.drop_columns("seconds") for cell in result.cells}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", ["records.parquet", "manifest.json"])
def test_damage_anywhere_is_found_and_mended(tmp_path, faked, name, seed):
    study, chance = fake_cells.study(3), random.Random(seed)
    before = run_study(study, Store(tmp_path))
    path = chance.choice(before.cells).folder / name
    damaged = bytearray(path.read_bytes())
    place = chance.randrange(len(damaged))
    if seed % 2:
        damaged[place] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged if seed % 2 else damaged[:place])
    after = run_study(study, Store(tmp_path))
    assert after.failures == ()
    assert content(after) == content(before)


def test_damaged_statistics_are_collected_again(small_study, tmp_path):
    spec = small_study.cells()[2]
    other = replace(spec, prune=PruneSpec("wanda", 0.3, statistics="one_pass"))
    undisturbed = run_cell(other, Store(tmp_path / "a"))
    store = Store(tmp_path / "b")
    run_cell(spec, store, Shared(store, gram=False, keep=True))
    (kept,) = (tmp_path / "b" / "statistics").glob("*/content")
    damaged = bytearray(kept.read_bytes())
    damaged[-100] ^= 4
    kept.write_bytes(damaged)
    found = run_cell(other, store, Shared(store, gram=False, keep=True))
    assert found.manifest.weights_after == undisturbed.manifest.weights_after
    assert len(list((tmp_path / "b" / "quarantine").iterdir())) == 1
    assert kept.is_file()


def test_stored_statistics_are_used(small_study, tmp_path, monkeypatch):
    store = Store(tmp_path)
    run_cell(small_study.cells()[2], store, Shared(store, keep=True))
    monkeypatch.setattr(Shared, "_collected", lambda *_: pytest.fail("collected twice"))
    fresh = Shared(Store(tmp_path), keep=True)
    found = run_cell(small_study.cells()[3], Store(tmp_path), fresh)
    monkeypatch.undo()
    alone = run_cell(small_study.cells()[3], Store(tmp_path / "alone"))
    assert found.manifest.weights_after == alone.manifest.weights_after


@pytest.fixture
def tampered(monkeypatch):
    """Return a function that sets what is done to a model when it is loaded for a cell."""
    real = models.load_model

    def tamper(change):
        def load(*arguments, **options):
            model = real(*arguments, **options)
            change(model)
            return model

        monkeypatch.setattr(models, "load_model", load)

    return tamper


def narrow(rows):
    """Make a network that runs out of memory with more than so many rows."""

    def change(model):
        def check(module, args, kwargs):
            tensors = [v for v in (*args, *kwargs.values()) if isinstance(v, torch.Tensor)]
            if tensors[0].shape[0] > rows:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

        body = model.net.get_submodule(model.net.base_model_prefix)
        body.register_forward_pre_hook(check, with_kwargs=True)

    return change


def test_little_memory_means_smaller_batches_and_the_same_answers(small_study, tmp_path, tampered):
    probe = ProbeSpec(("open", "candidates", "choice", "rank"), max_new_tokens=4)
    task = replace(small_study.tasks[0], limit=12)
    study = replace(small_study, prunings=(), probe=probe, tasks=(task,))
    roomy = run_study(study, Store(tmp_path / "a"))
    tampered(narrow(6))
    tight = run_study(study, Store(tmp_path / "b"))
    assert tight.failures == ()
    a, b = roomy.records, tight.records
    assert a["output"].equals(b["output"])
    assert a["target_rank"].equals(b["target_rank"])


def test_no_memory_at_all_fails_that_cell_alone(small_study, tmp_path, tampered):
    study = replace(small_study, prunings=small_study.prunings[:1])
    undisturbed = content(run_study(study, Store(tmp_path / "a")))
    loads = []
    tampered(lambda model: (loads.append(1), len(loads) == 2 and narrow(0)(model)))
    result = run_study(study, Store(tmp_path / "b"))
    ((cell, reason),) = result.failures
    assert cell.slug == "dense"
    assert "memory of the device does not suffice" in reason
    assert content(run_study(study, Store(tmp_path / "b"))) == undisturbed


def test_nan_in_the_logits_fails_that_cell_alone(small_study, tmp_path, tampered):
    study = replace(small_study, prunings=small_study.prunings[:1])
    undisturbed = content(run_study(study, Store(tmp_path / "a")))
    loads = []

    def poison(model):
        loads.append(1)
        if len(loads) == 1:
            with torch.no_grad():
                model.net.get_output_embeddings().weight[5, 5] = float("nan")

    tampered(poison)
    result = run_study(study, Store(tmp_path / "b"))
    ((cell, reason),) = result.failures
    assert cell.slug == "magnitude-s050"
    assert "NaN" in reason or "not numbers" in reason or "finite" in reason
    assert content(run_study(study, Store(tmp_path / "b"))) == undisturbed


def test_a_defect_nobody_foresaw_fails_that_cell_alone(tmp_path, monkeypatch):
    def defect(plan, *rest):
        if plan.spec.slug == "magnitude-s0001":
            raise ZeroDivisionError("a strange\nmodel")
        return fake_cells.compute(plan, *rest)

    monkeypatch.setattr(cell_module, "_compute", defect)
    result = run_study(fake_cells.study(4), Store(tmp_path))
    ((_, reason),) = result.failures
    assert reason.startswith("unexpected ZeroDivisionError: a strange model")
    log = next((tmp_path / "events").iterdir()).read_text()
    assert "in defect" in log


def test_a_lost_folder_is_said_and_not_made_anew(tmp_path, monkeypatch):
    root, away, study = tmp_path / "store", tmp_path / "away", fake_cells.study(4)
    calls = []

    def unmounted(plan, *rest):
        calls.append(1)
        if len(calls) == 2:
            root.rename(away)
        return fake_cells.compute(plan, *rest)

    monkeypatch.setattr(cell_module, "_compute", unmounted)
    result = run_study(study, Store(root))
    assert not root.exists()
    assert len(result.cells) == 1
    assert len(result.failures) == 3
    assert all("run folder is gone" in reason for _, reason in result.failures)
    away.rename(root)
    again = run_study(study, Store(root))
    assert again.failures == ()
    assert content(again) == content(run_study(study, Store(tmp_path / "undisturbed")))
    with pytest.raises(StoreError, match="run folder is gone"):
        Store(tmp_path / "never").open()


def test_two_drivers_share_the_work(tmp_path, faked, monkeypatch):
    monkeypatch.setattr(fake_cells, "LONGEST", 0.1)
    monkeypatch.setattr("illusion_lib.runs.sweep._POLL_SECONDS", 0.02)
    study, computed, results = fake_cells.study(16), [], []

    def counted(plan, *rest):
        computed.append((threading.get_ident(), plan.key))
        return fake_cells.compute(plan, *rest)

    monkeypatch.setattr(cell_module, "_compute", counted)
    drivers = [
        threading.Thread(target=lambda: results.append(run_study(study, Store(tmp_path))))
        for _ in range(2)
    ]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert len({key for _, key in computed}) == len(computed) == 16
    assert len({who for who, _ in computed}) == 2
    first, second = results
    pd.testing.assert_frame_equal(first.records, second.records)
    assert first.failures == second.failures == ()


def test_a_stale_lease_holds_nobody_up_for_ever(tmp_path, faked, monkeypatch):
    monkeypatch.setattr("illusion_lib.runs.sweep._POLL_SECONDS", 0.02)
    study, store = fake_cells.study(3), Store(tmp_path)
    key = run_study(study, Store(tmp_path / "other")).cells[1].manifest.key
    store.create()
    store.leases = Leases(store.leases.folder, patience=0.3)
    (store.leases.folder / f"{key}.json").write_text('{"host": "gone", "pid": 1, "beat": "3"}')
    result = run_study(study, store)
    assert result.failures == ()
    assert len(result.cells) == 3
    assert list(store.leases.folder.iterdir()) == []
