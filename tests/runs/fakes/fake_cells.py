"""Cells that compute nothing but pass through plan, lease, store and rename like real ones.

The faults that tests inject are here too, because a cell's own process must bring them about.
"""

import errno
import os
import random
import resource
import time
from pathlib import Path

from illusion_lib.records import Record, to_table
from illusion_lib.runs import cell as cell_module
from illusion_lib.runs import store as store_module
from illusion_lib.runs.executors import process
from illusion_lib.runs.executors.local import LocalExecutor
from illusion_lib.runs.job import run_job
from illusion_lib.runs.manifest import Manifest
from illusion_lib.runs.store import Store
from illusion_lib.runs.sweep import run_study
from illusion_lib.specs import ModelSpec, PruneSpec, StudySpec, TaskSpec

LONGEST = 0.12
SECONDS = {}


def study(cells):
    """Return a study of so many cells."""
    prunings = tuple(PruneSpec("magnitude", n / 1000) for n in range(1, cells))
    task = TaskSpec(languages=("en",), limit=2)
    return StudySpec("faults", "Faults", (ModelSpec("tiny-random", dtype="float32"),), prunings,
                     tasks=(task,))  # fmt: skip


def records(plan):
    """Return records that follow from the cell's key alone."""
    chance = random.Random(plan.key)
    return [
        Record(
            item_id=item.id, parallel_id=item.parallel_id, language=item.language,
            relation=item.relation, question=item.question, gold=item.answer, probe="open",
            prompt_hash="0" * 16, correct=chance.random() < 0.5, output=str(chance.random()),
            prompt_tokens=3, output_tokens=2, seconds=0.5,
        )
        for item in plan.items
    ]  # fmt: skip


def compute(plan, store, shared, progress):
    """Stand in for `_compute`: as slow as the test needs, at every point of a cell's life."""
    progress("probe", 0, 1)
    time.sleep(random.uniform(0, LONGEST))
    manifest = Manifest(
        key=plan.key, spec=plan.spec.canonical(), created="now", versions={}, device="cpu",
        dtype="float32", threads=1, checkpoint=plan.checkpoint, checkpoint_note="",
        weights_before="a", weights_after="b", pruning={}, calibration_sha256=None,
        items={"count": len(plan.items)}, prompts={}, scoring_path="packed", seconds=SECONDS,
    )  # fmt: skip
    return store.put(plan.spec, to_table(records(plan)), manifest)


def work(job):
    """Run a cell without a model."""
    random.seed()
    cell_module._compute = compute
    slow(store_module, "write_json")
    return run_job(job)


def slow(module, name):
    """Make a moment between two files long enough to be killed in."""
    real = getattr(module, name)

    def slowed(*arguments):
        time.sleep(random.uniform(0, LONGEST / 4))
        return real(*arguments)

    setattr(module, name, slowed)


def first_time(job):
    """Return whether a job is run for the first time."""
    mark = Path(job.root).parent / f"tried-{job.key}"
    if mark.exists():
        return False
    mark.touch()
    return True


def power_cut(job):
    """End without a word when a finished folder is about to be renamed."""
    if first_time(job):
        Path.rename = lambda *_: os._exit(9)
    return work(job)


def disk_full(job):
    """Find the disk full when the records are written."""

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if first_time(job):
        store_module.pq.write_table = full
    return work(job)


def no_space_left(job):
    """Get an error from the kernel itself when a file grows beyond a few hundred bytes."""
    if first_time(job):
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
    return work(job)


def drive(root, cells):
    """Run the study as a driver that a test can kill."""
    process._PRELOADED[:] = ["fake_cells"]
    run_study(study(cells), Store(root), executor=LocalExecutor(2, work=work))
