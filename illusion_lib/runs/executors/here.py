"""Run cells one after another in this process, which keeps in memory what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from illusion_lib.runs.job import Job, Outcome, run_job
from illusion_lib.runs.shared import Shared
from illusion_lib.runs.store import Store


@dataclass(frozen=True, slots=True)
class HereExecutor:
    """No process is started: for notebooks, and for a study of one cell."""

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Outcome]:
        """Yield each job's outcome; see `Executor`."""
        shared = Shared(Store(jobs[0].root), jobs[0].device, jobs[0].gram)
        for job in jobs:
            yield run_job(job, shared, tick)
            tick()
