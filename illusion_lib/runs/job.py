"""One cell as a process anywhere runs it: all it needs in a few plain values, and what came of it.

Every executor calls `run_job`, and nothing else, in the process that it starts.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from illusion_lib.errors import IllusionError
from illusion_lib.runs.cell import Progress, attempt
from illusion_lib.runs.events import Event, EventLog
from illusion_lib.runs.plan import plan_cell
from illusion_lib.runs.shared import Shared
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec

Status = Literal["done", "busy", "failed"]
_STEP_SECONDS, _STEP_SHARE = 0.5, 0.01  # at least, and of what the cell has taken so far


@dataclass(frozen=True, slots=True)
class Job:
    """A cell to run.

    Attributes
    ----------
    cell, key
        Its specification, and the content key by which it was planned.
    root
        The store's folder, as every machine sees it.
    device
        Passed to `load_model`.
    gram
        Whether one-pass statistics must serve methods that need the whole Gram matrix.
    keep
        Whether other cells need the same statistics, so that they go through the store.
    threads
        Of this process; None leaves the library's own choice.
    """

    cell: CellSpec
    key: str
    root: str
    device: str = "auto"
    gram: bool = True
    keep: bool = False
    threads: int | None = None

    @property
    def name(self) -> str:
        """The cell's name for a reader."""
        return f"{self.cell.model.slug} {self.cell.slug}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: ``done``, ``failed`` with a reason, or ``busy`` in other hands."""

    job: Job
    status: Status
    reason: str = ""


Work = Callable[[Job], Outcome]


def run_job(
    job: Job, shared: Shared | None = None, tick: Callable[[], None] = lambda: None
) -> Outcome:
    """Run one cell in this process, which a failure of any kind does not end.

    Parameters
    ----------
    job
        What to run.
    shared
        What earlier cells of this process have left; None starts afresh.
    tick
        Called as the cell goes on.
    """
    store = Store(job.root)
    log = EventLog(store.root)
    started = time.monotonic()
    try:
        store.open()
        plan = plan_cell(job.cell)
        if store.get(plan.spec, plan.key) is not None:
            return Outcome(job, "done")
        log.write(Event(kind="started", cell=job.name, key=job.key))
        _use_threads(job.threads)
        shared = shared or Shared(store, job.device, job.gram, job.keep)
        if attempt(plan, store, shared, _steps(job, log, tick)) is None:
            return Outcome(job, "busy")
    except Exception as error:  # what a strange checkpoint provokes costs its own cell, no other
        return _failed(job, log, error)
    log.write(
        Event(
            kind="done",
            cell=job.name,
            key=job.key,
            seconds=round(time.monotonic() - started, 3),
            items=len(plan.items),
            memory_bytes=_peak_bytes(),
        )
    )
    return Outcome(job, "done")


def _failed(job: Job, log: EventLog, error: Exception) -> Outcome:
    reason, trace = _told(error)
    log.write(Event(kind="failed", cell=job.name, key=job.key, reason=reason, trace=trace))
    return Outcome(job, "failed", reason)


def _told(error: Exception) -> tuple[str, str]:
    """Return a failure in one line and, of one that nobody foresaw, Python's account of it."""
    line = " ".join(str(error).split())
    if isinstance(error, IllusionError):
        return line, ""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError) or "out of memory" in line or "can't allocate" in line:
        hint = "even for the smallest batch; run fewer cells at once, or with --device balanced"
        return f"the memory of the device does not suffice, {hint} ({line[:200]})", trace
    return f"unexpected {type(error).__name__}: {line[:300]} (traceback in the event log)", trace


def _steps(job: Job, log: EventLog, tick: Callable[[], None]) -> Progress:
    """Return a progress function that writes a few lines a second at most, and ever fewer.

    A cell of hours would otherwise fill the log with steps that nobody reads.
    """
    last, name, begun = 0.0, "", time.monotonic()

    def step(what: str, done: int, total: int) -> None:
        nonlocal last, name
        now = time.monotonic()
        if what != name or now - last > max(_STEP_SECONDS, _STEP_SHARE * (now - begun)):
            last, name = now, what
            event = Event(
                kind="step", cell=job.name, key=job.key, what=what, done=done, total=total
            )
            log.write(event)
            tick()

    return step


def _use_threads(threads: int | None) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _peak_bytes() -> int:
    """Return the most memory that this process has held, on the device where it uses one."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    with suppress(OSError, ImportError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    return 0
