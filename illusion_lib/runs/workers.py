"""Run cells side by side: one process each, the processor's cores divided among them.

Two processes with half of the cores each finish more products of the small matrices that decoding
consists of than one process with all cores.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from pathlib import Path

from illusion_lib.errors import IllusionError
from illusion_lib.runs.cell import Shared, run_cell
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec

Event = tuple[CellSpec, str, int, int]
OnStep = Callable[[CellSpec, str, int, int], None]

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 3.0
_shared: Shared | None = None
_events: Queue[Event] | None = None


def usual_workers() -> int:
    """Return how many cells to run at once: one where there is a GPU, else up to two."""
    import torch

    return 1 if torch.cuda.is_available() else min(2, os.cpu_count() or 1)


def run_side_by_side(
    cells: Sequence[CellSpec], shared: Shared, workers: int, on_step: OnStep
) -> Iterator[tuple[CellSpec, str | None]]:
    """Run cells in worker processes; yield each with the reason why it failed, or None.

    Parameters
    ----------
    cells
        Cells that the store does not hold; they are started in this order.
    shared
        Settings of the study; each worker keeps statistics of its own.
    workers
        Number of processes.
    on_step
        Called with a cell, a step's name, the work done and the total.
    """
    context = multiprocessing.get_context("spawn")
    events: Queue[Event] = context.Queue()
    threads = max(1, (os.cpu_count() or 1) // workers)
    begin = (shared.store.root, shared.device, shared.gram, threads, events)
    with ProcessPoolExecutor(workers, context, _begin, begin) as pool:
        running: dict[Future[str | None], CellSpec] = {
            pool.submit(_work, cell): cell for cell in cells
        }
        try:
            while running:
                done, _ = wait(running, _POLL_SECONDS, FIRST_COMPLETED)
                _tell(events, on_step)
                for future in done:
                    yield running.pop(future), _outcome(future)
        except BaseException:
            # SIGTERM ends a cell like an exception would: its scratch folder is removed.
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise


def _begin(root: Path, device: str, gram: bool, threads: int, events: Queue[Event]) -> None:
    """Make a worker ready."""
    import torch

    global _shared, _events
    torch.set_num_threads(threads)
    _shared, _events = Shared(Store(root), device, gram), events
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: sys.exit(1))
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """End this worker when the process that started it has gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)  # the cell in hand removes its scratch folder
    time.sleep(_GRACE_SECONDS)
    os._exit(1)  # the pool would outlive the exception and wait for work for ever


def _work(cell: CellSpec) -> str | None:
    """Run one cell in a worker; return why it failed, or None."""
    assert _shared is not None
    assert _events is not None
    events = _events
    try:
        run_cell(cell, _shared.store, _shared, lambda *step: events.put((cell, *step)))
    except IllusionError as error:
        return str(error)
    return None


def _outcome(future: Future[str | None]) -> str | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return "its process was killed, perhaps for lack of memory; run again with --workers 1"


def _tell(events: Queue[Event], on_step: OnStep) -> None:
    while True:
        try:
            on_step(*events.get_nowait())
        except queue.Empty:
            return
