"""A lease has one owner; a dead owner is noticed without comparing clocks."""

import os
import subprocess
import sys
import threading
import time

import pytest

from illusion_lib.errors import StoreError
from illusion_lib.runs.leases import Leases, here


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def foreign(folder, beat=0, owner="a" * 32):
    """Write the lease of another machine."""
    text = f'{{"owner": "{owner}", "host": "elsewhere", "pid": 7, "beat": "{beat:012d}"}}'
    (folder / "k.json").write_text(text)


def test_one_owner_at_a_time(tmp_path):
    first, second = Leases(tmp_path), Leases(tmp_path)
    lease = first.take("k")
    assert second.take("k") is None
    assert not second.is_free("k")
    assert second.take("other") is not None
    lease.release()
    assert second.is_free("k")
    assert second.take("k") is not None


def test_of_many_who_try_one_gets_it(tmp_path):
    start, got = threading.Barrier(8), []

    def race():
        leases = Leases(tmp_path)
        start.wait()
        got.append(leases.take("k"))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(lease is not None for lease in got) == 1


def test_a_silent_owner_elsewhere_is_dead_after_a_while_and_not_before(tmp_path):
    clock = Clock()
    leases = Leases(tmp_path, patience=90, clock=clock)
    foreign(tmp_path)
    assert leases.take("k") is None
    clock.now += 89
    assert leases.take("k") is None
    clock.now += 2
    lease = leases.take("k")
    assert lease is not None
    lease.release()
    assert list(tmp_path.iterdir()) == []


def test_a_beating_owner_elsewhere_lives_however_slow(tmp_path):
    clock = Clock()
    leases = Leases(tmp_path, patience=90, clock=clock)
    for beat in range(5):
        foreign(tmp_path, beat)
        assert leases.take("k") is None
        clock.now += 80


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_clocks_an_hour_apart_do_not_matter(tmp_path, skew):
    clock = Clock()
    leases = Leases(tmp_path, patience=90, clock=clock)
    for beat in range(3):  # alive, though its files are dated an hour off
        foreign(tmp_path, beat)
        os.utime(tmp_path / "k.json", times=(time.time() + skew,) * 2)
        assert not leases.is_free("k")
        clock.now += 80
    clock.now += 20  # dead, though its last file is dated an hour off
    assert leases.is_free("k")


def test_a_dead_process_of_this_machine_is_known_at_once(tmp_path):
    code = f"""
from pathlib import Path
from illusion_lib.runs.leases import Leases
assert Leases(Path({str(tmp_path)!r})).take("k")
import os; os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / "k.json").exists()
    assert Leases(tmp_path).held() == {}
    assert Leases(tmp_path).take("k") is not None


def test_the_owner_beats(tmp_path):
    lease = Leases(tmp_path, beat=0.02).take("k")
    first = (tmp_path / "k.json").read_bytes()
    time.sleep(0.3)
    second = (tmp_path / "k.json").read_bytes()
    assert first != second
    assert len(first) == len(second)
    assert Leases(tmp_path).held() == {"k": here().split()[0]}
    lease.release()
    assert not (tmp_path / "k.json").exists()


def test_an_owner_that_was_taken_for_dead_leaves_the_new_one_alone(tmp_path):
    lease = Leases(tmp_path, beat=0.02).take("k")
    foreign(tmp_path, owner="b" * 32)
    time.sleep(0.2)
    lease.release()
    assert "b" * 32 in (tmp_path / "k.json").read_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\x00", b'{"pid": "x", "host": 3}'])
def test_a_lease_that_makes_no_sense_expires_like_any_other(tmp_path, content):
    clock = Clock()
    leases = Leases(tmp_path, patience=90, clock=clock)
    (tmp_path / "k.json").write_bytes(content)
    assert leases.take("k") is None
    assert set(leases.held()) == {"k"}
    clock.now += 91
    assert leases.take("k") is not None


def test_a_living_lease_that_came_between_is_put_back(tmp_path):
    leases = Leases(tmp_path)
    foreign(tmp_path, beat=5)
    leases._clear(tmp_path / "k.json", b"what it was before")
    assert "elsewhere" in (tmp_path / "k.json").read_text()


def test_a_folder_that_is_gone_is_said(tmp_path):
    with pytest.raises(StoreError, match="run folder is gone"):
        Leases(tmp_path / "store" / "leases").take("k")


def test_waiting_ends_when_what_is_wanted_is_there(tmp_path):
    lease = Leases(tmp_path).take("k")
    answers = iter([False, False, True])
    with Leases(tmp_path, beat=0.01).hold("k", lambda: next(answers)) as held:
        assert held is None
    lease.release()
    with Leases(tmp_path).hold("k") as held:
        assert held is not None
    assert Leases(tmp_path).is_free("k")
