"""Run cells on this machine: a process each, its cores and GPUs divided among them."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait

from illusion_lib.errors import SpecError
from illusion_lib.runs.executors import number, refuse_unknown
from illusion_lib.runs.executors.process import Running, start, stop, visible_gpus
from illusion_lib.runs.job import Job, Outcome, Work, run_job

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LocalExecutor:
    """One process per cell, some at a time.

    Attributes
    ----------
    workers
        How many at once; each gets an equal part of the cores and of `gpus`.
    gpus
        Names of the GPUs, as CUDA_VISIBLE_DEVICES lists them; a process sees only its own.
    retries
        How often a cell is tried again whose process was killed.
    limit
        Seconds that a cell may take; 0 sets no limit. One that hangs is ended and has failed.
    work
        What a process does with its job.
    """

    workers: int = 1
    gpus: tuple[str, ...] = ()
    retries: int = 1
    limit: float = 0
    work: Work = run_job

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise SpecError(f"workers must be at least 1, got {self.workers}")

    @classmethod
    def from_settings(cls, workers: int | None, settings: Mapping[str, str]) -> LocalExecutor:
        """Return an executor for all of this machine; settings are ``retries`` and ``limit``."""
        refuse_unknown(settings, ("retries", "limit"), "local")
        gpus = visible_gpus()
        usual = len(gpus) or max(min(2, os.cpu_count() or 1), (os.cpu_count() or 1) // 8)
        retries, limit = number(settings, "retries", 1), number(settings, "limit", 0)
        return cls(usual if workers is None else workers, gpus, retries, limit)

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Outcome]:
        """Yield each job's outcome; see `Executor`."""
        waiting = deque((job, 0) for job in jobs)
        slots = min(self.workers, len(jobs)) or 1
        threads = max(1, (os.cpu_count() or 1) // slots)
        free = deque(self.gpus[place::slots] for place in range(slots))
        running: list[Running] = []
        try:
            while waiting or running:
                while waiting and free:
                    job, tries = waiting.popleft()
                    asked = replace(job, threads=threads)
                    deadline = time.monotonic() + (self.limit or math.inf)
                    running.append(start(self.work, asked, tries, free.popleft(), deadline))
                for one in _ended(running):
                    running.remove(one)
                    free.append(one.gpus)
                    outcome = one.end()
                    if outcome is None and one.tries < self.retries:
                        waiting.appendleft((one.job, one.tries + 1))
                    else:
                        yield outcome or Outcome(one.job, "failed", one.how_killed())
                tick()
        finally:
            stop(running)


def _ended(running: Sequence[Running]) -> list[Running]:
    """Wait a moment; return the processes that have answered, ended or run out of time."""
    ready = wait([one.connection for one in running], _POLL_SECONDS)
    now = time.monotonic()
    return [one for one in running if one.connection in ready or now > one.deadline]
