"""The same tiny study through every executor leaves the same bytes, apart from timings."""

import json
from dataclasses import replace

import pytest
from fake_work import hangs_at_zero, sees_gpus

from illusion_lib.errors import SpecError
from illusion_lib.runs.executors import make_executor
from illusion_lib.runs.executors.local import LocalExecutor
from illusion_lib.runs.executors.ray import RayExecutor
from illusion_lib.runs.executors.slurm import SlurmExecutor
from illusion_lib.runs.job import Job
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.store import Store
from illusion_lib.runs.sweep import run_study

TIMINGS = ("created", "seconds", "records_sha256")
EXECUTORS = {
    "here": lambda: None,
    "local": lambda: LocalExecutor(2),
    "ray": lambda: RayExecutor(address="local", workers=2),
    "slurm": lambda: SlurmExecutor("local", cpus=1),
}


@pytest.fixture(scope="module")
def study(small_study):
    """A dense cell and one that is calibrated."""
    return replace(small_study, prunings=small_study.prunings[1:2])


def bytes_of(result):
    """Return what a study has left, as bytes, without timings."""
    found = {}
    for cell in result.cells:
        table = cell.table.drop_columns("seconds").combine_chunks()
        manifest = json.loads((cell.folder / MANIFEST).read_text())
        kept = {name: value for name, value in manifest.items() if name not in TIMINGS}
        batches = b"".join(bytes(b.serialize()) for b in table.to_batches())
        found[cell.folder.name] = (batches, json.dumps(kept, sort_keys=True))
    return found


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory):
    """Return what one process with one thread leaves."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield bytes_of(run_study(study, Store(tmp_path_factory.mktemp("here"))))
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", ["local", "ray", "slurm"])
def test_every_executor_leaves_the_same_bytes(name, study, tmp_path, undisturbed, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)  # one thread a process, on any machine
    result = run_study(study, Store(tmp_path), executor=EXECUTORS[name]())
    assert result.failures == ()
    assert len(undisturbed) == 2
    assert bytes_of(result) == undisturbed
    assert not (tmp_path / "statistics").exists()


def test_a_cell_s_process_sees_its_own_gpus_only(tmp_path):
    jobs = [Job(None, str(n), str(tmp_path)) for n in range(4)]
    executor = LocalExecutor(2, gpus=("3", "5", "6", "7"), work=sees_gpus)
    seen = {outcome.reason for outcome in executor.run(jobs, lambda: None)}
    assert seen <= {"3,6", "5,7"}


def test_a_hanging_cell_is_ended_and_costs_no_other(tmp_path, small_study):
    cells = small_study.cells()
    jobs = [Job(cell, str(n), str(tmp_path)) for n, cell in enumerate(cells)]
    executor = LocalExecutor(2, limit=3, work=hangs_at_zero)
    outcomes = {outcome.job.key: outcome for outcome in executor.run(jobs, lambda: None)}
    assert outcomes.pop("0").reason == "it took longer than the limit and was stopped"
    assert {outcome.status for outcome in outcomes.values()} == {"done"}


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dask", {}, "choose one of: local, ray, slurm"),
        ("local", {"gpus": "1"}, "unknown setting of executor 'local' 'gpus'"),
        ("local", {"retries": "-1"}, "must be a whole number"),
        ("ray", {"gpus": "half"}, "must be a whole number"),
    ],
)
def test_a_wrong_executor_or_setting_is_refused(name, settings, message):
    with pytest.raises(SpecError, match=message):
        make_executor(name, None, settings)


def test_settings_reach_the_executor():
    assert make_executor("ray", 3, {"gpus": "2", "address": "h:1"}) == RayExecutor(
        "h:1", gpus=2, workers=3
    )
    slurm = make_executor("slurm", None, {"gpus": "1", "slurm_partition": "a"})
    assert (slurm.gpus, slurm.settings) == (1, {"slurm_partition": "a"})


def test_no_slurm_and_no_ray_cluster_are_said(study, tmp_path, monkeypatch):
    with pytest.raises(SpecError, match="SLURM refuses"):
        run_study(study, Store(tmp_path), executor=SlurmExecutor())
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("ray.init", _refuses)
    with pytest.raises(SpecError, match="no Ray cluster answers"):
        run_study(study, Store(tmp_path), executor=RayExecutor())


def _refuses(**options):
    raise ConnectionError(options["address"])
