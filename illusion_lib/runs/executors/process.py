"""A process that does one job: how it starts, how it ends with its parent, what came of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from illusion_lib.runs.atomic import drop_scratch
from illusion_lib.runs.events import Event, EventLog, Kind
from illusion_lib.runs.job import Job, Outcome, Work
from illusion_lib.runs.leases import release_all

_GRACE_SECONDS = 3.0
_VISIBLE = "CUDA_VISIBLE_DEVICES"
# What the server of Linux has imported once and every process then begins with.
_PRELOADED = [
    "torch",
    "transformers",
    "illusion_lib.runs.job",
    "illusion_lib.models",
    "illusion_lib.pruning",
    "illusion_lib.probes",
]


@dataclass(frozen=True, slots=True)
class Running:
    """A process at work.

    Attributes
    ----------
    process, connection
        The process, and where it sends its outcome.
    job, tries
        What it does, and how often that was tried before.
    gpus
        Names of the GPUs that it sees.
    deadline
        By the monotonic clock, when it must have ended.
    """

    process: BaseProcess
    connection: Connection
    job: Job
    tries: int
    gpus: tuple[str, ...]
    deadline: float

    def end(self) -> Outcome | None:
        """Return what the process has sent, or None where it was killed and may be tried again."""
        outcome: Outcome | None = None
        with self.connection, suppress(EOFError, OSError):
            if self.connection.poll():
                outcome = replace(self.connection.recv(), job=self.job)
        self.process.join(_GRACE_SECONDS if outcome else 0)
        self.process.kill()  # nothing that it may still do is wanted
        self.process.join()
        if outcome is not None:
            return outcome
        late = time.monotonic() > self.deadline
        reason = "it took longer than the limit and was stopped" if late else self.how_killed()
        kind: Kind = "failed" if late else "killed"
        event = Event(kind=kind, cell=self.job.name, key=self.job.key, reason=reason)
        EventLog(Path(self.job.root)).write(event)
        return Outcome(self.job, "failed", reason) if late else None

    def how_killed(self) -> str:
        """Return one line for a process that ended without a word."""
        code = self.process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        hint = "perhaps for lack of memory; run again with --workers 1"
        return f"its process was killed ({how}), {hint}"


def start(work: Work, job: Job, tries: int, gpus: tuple[str, ...], deadline: float) -> Running:
    """Start a process that sees only `gpus` and does one job."""
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    environment = dict(os.environ) | ({_VISIBLE: ",".join(gpus)} if gpus else {})
    process = context.Process(target=_serve, args=(work, job, theirs, environment))
    process.start()
    theirs.close()
    return Running(process, ours, job, tries, gpus, deadline)


def stop(running: list[Running]) -> None:
    """End processes: gently at first, so that scratch folders are removed and leases given up."""
    for one in running:
        one.process.terminate()
    for one in running:
        one.process.join(_GRACE_SECONDS)
        one.process.kill()
        one.process.join()


def visible_gpus() -> tuple[str, ...]:
    """Return the names of the GPUs that this process may use."""
    import torch

    named = os.environ.get(_VISIBLE)
    count = torch.cuda.device_count()
    names = named.split(",") if named else [str(place) for place in range(count)]
    return tuple(names[:count])


def _context() -> ForkServerContext | SpawnContext:
    """Return how processes start: from a server that has imported what they need, if there is one.

    It computes nothing itself, so that a process that is split off it is as good as a new one.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    _start_server()
    return context


def _start_server() -> None:
    """Start the server deaf to Ctrl-C, which is meant for whoever has started it."""
    from multiprocessing import forkserver  # not on every system

    if threading.current_thread() is not threading.main_thread():
        forkserver.ensure_running()  # only the main thread may say what signals do
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(work: Work, job: Job, connection: Connection, environment: dict[str, str]) -> None:
    """Do one job in a fresh process and send what came of it."""
    os.environ.update(environment)  # the server's own is as old as the first cell
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _leave)
    threading.Thread(target=_follow_parent, daemon=True).start()
    connection.send(work(job))


def _leave(*_: object) -> None:
    """End this process at once, and leave no lease and nothing half-written.

    An exception would not do: raised wherever the process is, in a destructor it would be ignored.
    """
    drop_scratch()
    release_all()
    os._exit(1)


def _follow_parent() -> None:
    """End this process when the one that started it has gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
