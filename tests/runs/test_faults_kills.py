"""What dies at any moment: a worker, the driver, the power. Nothing finished is lost or wrong."""

import json
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import fake_cells
import fake_work
import pytest

from illusion_lib.runs import cell as cell_module
from illusion_lib.runs.events import EventReader
from illusion_lib.runs.executors import process
from illusion_lib.runs.executors.local import LocalExecutor
from illusion_lib.runs.job import Job
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.store import Store
from illusion_lib.runs.sweep import run_study

CELLS = 20
KILLS = 50


def left_by(root):
    """Return everything that a study has published, by path, as bytes."""
    cells = Path(root) / "cells"
    return {str(p.relative_to(cells)): p.read_bytes() for p in cells.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_module, "_compute", fake_cells.compute)
        patch.setattr(fake_cells, "LONGEST", 0)
        assert run_study(fake_cells.study(CELLS), Store(root)).failures == ()
    return left_by(root)


class Killer(threading.Thread):
    """Kills random workers at random moments, each once, and watches that finished cells stay."""

    def __init__(self, root, kills):
        super().__init__()
        self.root, self.kills, self.done, self.changed = root, kills, 0, []
        self.finished, self.killed, self.over = {}, set(), threading.Event()

    def run(self):
        while self.done < self.kills and not self.over.is_set():
            time.sleep(random.uniform(0, 0.08))
            # One that was killed may take a while to be gone.
            workers = [w for w in multiprocessing.active_children() if w.pid not in self.killed]
            if workers:
                victim = random.choice(workers)
                self.killed.add(victim.pid)
                victim.kill()
                self.done += 1
            self.look()

    def look(self):
        published = self.root.glob(f"cells/*/[!.]*/{MANIFEST}")
        now = {p: p.stat().st_ino for p in published}
        self.changed += [p for p, inode in self.finished.items() if now.get(p) != inode]
        self.finished = now


def test_fifty_kills_of_workers_change_nothing(tmp_path, undisturbed):
    random.seed(0)
    killer = Killer(tmp_path, KILLS)
    killer.start()
    executor = LocalExecutor(2, retries=10 * KILLS, work=fake_cells.work)
    result = run_study(fake_cells.study(CELLS), Store(tmp_path), executor=executor)
    killer.over.set()
    killer.join()
    assert killer.done >= KILLS
    assert killer.changed == []
    assert result.failures == ()
    assert left_by(tmp_path) == undisturbed
    assert list(tmp_path.rglob(".writing-*")) == []
    killed = [event for event in EventReader(tmp_path).new() if event.kind == "killed"]
    assert len(killed) > KILLS / 2  # a kill may meet a process that has just answered


def test_a_killed_driver_takes_its_workers_along_and_loses_nothing(tmp_path, undisturbed):
    code = f"import fake_cells; fake_cells.drive({str(tmp_path)!r}, {CELLS})"
    paths = os.pathsep.join([str(Path(fake_cells.__file__).parent), str(Path.cwd())])
    command, said = [sys.executable, "-c", code], tmp_path / "said"
    with said.open("wb") as output:
        driver = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stderr=output)
    try:
        wait_until(lambda: len(left_by(tmp_path)) >= 8)
    finally:
        driver.kill()
        driver.wait()
    workers = {event.pid for event in EventReader(tmp_path).new() if event.kind == "started"}
    wait_until(lambda: not any(map(alive, workers)))
    assert said.read_text() == ""
    before = left_by(tmp_path)
    assert 0 < len(before) < len(undisturbed)
    executor = LocalExecutor(2, work=fake_cells.work)
    assert run_study(fake_cells.study(CELLS), Store(tmp_path), executor=executor).failures == ()
    assert left_by(tmp_path) == undisturbed
    assert before.items() <= undisturbed.items()
    assert list(tmp_path.rglob(".writing-*")) == []


def test_a_worker_ends_at_once_wherever_it_is(tmp_path):
    job = Job(None, "k", str(tmp_path))
    running = process.start(fake_work.sits_in_a_destructor, job, 0, (), math.inf)
    wait_until((tmp_path / "inside").exists)
    begin = time.monotonic()
    running.process.terminate()
    running.process.join(30)
    assert time.monotonic() - begin < 5
    assert running.process.exitcode == 1


def wait_until(condition):
    """Wait for what happens within seconds on a quiet machine, and on a busy one later."""
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_power_cut_before_the_rename_shows_nothing_and_is_swept(tmp_path, undisturbed):
    root, small = tmp_path / "store", fake_cells.study(6)
    cut = run_study(
        small, Store(root), executor=LocalExecutor(2, retries=0, work=fake_cells.power_cut)
    )
    assert len(cut.failures) == 6
    assert left_by(root) == {} or all(".writing-" in path for path in left_by(root))
    assert len(list(root.rglob(".writing-*"))) == 6
    again = run_study(small, Store(root), executor=LocalExecutor(2, work=fake_cells.power_cut))
    assert again.failures == ()
    assert left_by(root).items() <= undisturbed.items()
    assert len(left_by(root)) == 12
    assert list(root.rglob(".writing-*")) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [(fake_cells.disk_full, "disk is full"), (fake_cells.no_space_left, "cannot write")],
)
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, undisturbed, fault, said):
    root, small = tmp_path / "store", fake_cells.study(4)
    full = run_study(small, Store(root), executor=LocalExecutor(2, work=fault))
    assert len(full.failures) == 4
    assert all(said in reason for _, reason in full.failures)
    assert left_by(root) == {}
    assert run_study(small, Store(root), executor=LocalExecutor(2, work=fault)).failures == ()
    assert len(left_by(root)) == 8
    assert left_by(root).items() <= undisturbed.items()


def test_an_interrupted_study_stops_its_workers(tmp_path):
    class Interrupted(Exception):
        pass

    class Impatient:
        def begin(self, waiting, total):
            pass

        def see(self, event):
            if event.kind == "step":
                raise Interrupted

    before = signal.getsignal(signal.SIGTERM)
    executor = LocalExecutor(2, work=fake_cells.work)
    with pytest.raises(Interrupted):
        run_study(fake_cells.study(9), Store(tmp_path), executor=executor, watch=Impatient())
    assert multiprocessing.active_children() == []
    assert list(tmp_path.rglob(".writing-*")) == []
    assert all(json.loads(p.read_text()) for p in tmp_path.rglob(MANIFEST))
    assert signal.getsignal(signal.SIGTERM) == before
