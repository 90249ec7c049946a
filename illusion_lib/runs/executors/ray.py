"""Run cells as tasks of a Ray cluster: the one that is running, or one on this machine alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import ray
from ray.exceptions import RayError

from illusion_lib.errors import SpecError, one_line
from illusion_lib.runs.executors import number, refuse_unknown
from illusion_lib.runs.job import Job, Outcome, Work, run_job

_POLL_SECONDS = 0.5
# Ray would otherwise report its use to its makers.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


@dataclass(frozen=True, slots=True)
class RayExecutor:
    """One Ray task per cell; Ray queues them and gives each its processors and GPUs.

    Every node must see the store's folder under the same path, and have illusion_lib installed.

    Attributes
    ----------
    address
        Of a cluster (``host:6379``, ``ray://host:10001``). Empty takes RAY_ADDRESS, then a cluster
        that `ray start` has begun on this machine, then starts one that ends with the study.
    cpus, gpus
        What one cell is given; a model larger than one GPU takes several with device "balanced".
    retries
        How often a cell is tried again whose process or node has died.
    workers
        How many processors a cluster started here offers to cells; None offers all.
    work
        What a task does with its job.
    """

    address: str = ""
    cpus: int = 1
    gpus: int = 0
    retries: int = 2
    workers: int | None = None
    work: Work = run_job

    @classmethod
    def from_settings(cls, workers: int | None, settings: Mapping[str, str]) -> RayExecutor:
        """Return an executor; settings are ``address``, ``cpus``, ``gpus`` and ``retries``."""
        refuse_unknown(settings, ("address", "cpus", "gpus", "retries"), "ray")
        cpus, gpus = number(settings, "cpus", 1), number(settings, "gpus", 0)
        retries = number(settings, "retries", 2)
        return cls(settings.get("address", ""), cpus, gpus, retries, workers)

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Outcome]:
        """Yield each job's outcome; see `Executor`."""
        self._connect()
        # One call per process: its memory, on the GPU too, is free when the cell is done.
        task = ray.remote(
            num_cpus=self.cpus, num_gpus=self.gpus, max_retries=self.retries, max_calls=1
        )(self.work)
        running = {task.remote(replace(job, threads=max(1, self.cpus))): job for job in jobs}
        try:
            while running:
                ended, _ = ray.wait(list(running), timeout=_POLL_SECONDS)
                for reference in ended:
                    yield _outcome(reference, running.pop(reference))
                tick()
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            ray.shutdown()

    def _connect(self) -> None:
        quiet = {"log_to_driver": False, "logging_level": "error"}
        try:
            ray.init(address=self.address or "auto", **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            if self.address or os.environ.get("RAY_ADDRESS"):
                raise SpecError(f"no Ray cluster answers there: {str(error)[:200]}") from error
            cpus = None if self.workers is None else self.workers * self.cpus
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)


def _outcome(reference: object, job: Job) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
    except RayError as error:
        return Outcome(job, "failed", f"its process or node was lost ({one_line(error, 300)})")
    return replace(outcome, job=job)
