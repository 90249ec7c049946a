"""Run cells as one job array of a SLURM cluster, through submitit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import submitit

from illusion_lib.errors import SpecError
from illusion_lib.runs.executors import number
from illusion_lib.runs.job import Job, Outcome, run_job

_POLL_SECONDS = 1.0


class _Task:
    """What submitit runs; one that SLURM preempts or stops at its limit is queued again."""

    def __call__(self, job: Job) -> Outcome:
        return run_job(job)

    def checkpoint(self, job: Job) -> submitit.helpers.DelayedSubmission:
        return submitit.helpers.DelayedSubmission(self, job)


@dataclass(frozen=True, slots=True)
class SlurmExecutor:
    """One array task per cell. Every node must see the store's folder under the same path.

    Attributes
    ----------
    cluster
        ``slurm``; ``local`` runs the same jobs as processes of this machine, without a queue.
    cpus, gpus
        What one cell is given.
    minutes
        Time limit of one cell.
    workers
        How many array tasks run at once.
    settings
        Passed on to submitit: ``slurm_partition``, ``slurm_account``, ``mem_gb`` and so on.
    """

    cluster: str = "slurm"
    cpus: int = 4
    gpus: int = 0
    minutes: int = 240
    workers: int = 64
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, workers: int | None, settings: Mapping[str, str]) -> SlurmExecutor:
        """Return an executor; a setting that is not an attribute here goes to submitit."""
        defaults = {"cpus": 4, "gpus": 0, "minutes": 240}
        asked = {name: number(settings, name, usual) for name, usual in defaults.items()}
        cluster = settings.get("cluster", "slurm")
        rest = {k: v for k, v in settings.items() if k != "cluster" and k not in asked}
        return cls(cluster, **asked, workers=workers or 64, settings=rest)

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Outcome]:
        """Yield each job's outcome; see `Executor`."""
        executor = self._executor(Path(jobs[0].root) / "slurm" / "%j")
        array = executor.map_array(_Task(), [replace(j, threads=max(1, self.cpus)) for j in jobs])
        running = dict(zip(array, jobs, strict=True))
        try:
            while running:
                for task in [task for task in running if task.done()]:
                    yield _outcome(task, running.pop(task))
                tick()
                time.sleep(_POLL_SECONDS if running else 0)
        finally:
            for task in running:
                task.cancel(check=False)

    def _executor(self, folder: Path) -> submitit.AutoExecutor:
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self.cluster)
            executor.update_parameters(
                name="illusion",
                timeout_min=self.minutes,
                cpus_per_task=self.cpus,
                gpus_per_node=self.gpus,
                slurm_array_parallelism=self.workers,
                **self.settings,
            )
        except (RuntimeError, NameError, ValueError, AssertionError) as error:
            raise SpecError(f"SLURM refuses the settings: {error}") from error
        return executor


def _outcome(task: submitit.Job[Outcome], job: Job) -> Outcome:
    try:
        outcome: Outcome = task.result()
    except Exception as error:  # submitit raises what the cell raised, or says that it was lost
        line = (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
        return Outcome(job, "failed", f"its SLURM job ended badly: {line}; see {task.paths.stderr}")
    return replace(outcome, job=job)
