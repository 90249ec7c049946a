"""Where cells run: processes of this machine, a Ray cluster, or SLURM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from illusion_lib.errors import SpecError
from illusion_lib.runs.job import Job, Outcome
from illusion_lib.specs.checks import one_of

EXECUTORS = ("local", "ray", "slurm")


class Executor(Protocol):
    """Runs jobs in processes of their own, as many at once as its resources allow."""

    def run(self, jobs: Sequence[Job], tick: Callable[[], None]) -> Iterator[Outcome]:
        """Yield each job's outcome as it is known.

        Parameters
        ----------
        jobs
            In the order in which they should start.
        tick
            To be called a few times a second while jobs run.
        """
        ...


def make_executor(name: str, workers: int | None, settings: Mapping[str, str]) -> Executor:
    """Return an executor by its name.

    Parameters
    ----------
    name
        One of `EXECUTORS`.
    workers
        How many cells run at once; None leaves it to the executor.
    settings
        Further settings of the executor, as texts: see the class of each.

    Raises
    ------
    SpecError
        The name or a setting is unknown, or the executor's package is not installed.
    """
    one_of(name, EXECUTORS, "executor")
    try:
        if name == "local":
            from illusion_lib.runs.executors.local import LocalExecutor

            return LocalExecutor.from_settings(workers, settings)
        if name == "ray":
            from illusion_lib.runs.executors.ray import RayExecutor

            return RayExecutor.from_settings(workers, settings)
        from illusion_lib.runs.executors.slurm import SlurmExecutor

        return SlurmExecutor.from_settings(workers, settings)
    except ImportError as error:
        raise SpecError(
            f"executor {name!r} needs a package that is not installed ({error.name}); "
            f"run `pip install 'illusion-lib[{name}]'`"
        ) from error


def number(settings: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole-number setting.

    Raises
    ------
    SpecError
        It is not a number of at least 0.
    """
    text = settings.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise SpecError(f"setting {name}={text!r} must be a whole number, 0 or more")
    return int(text)


def refuse_unknown(settings: Mapping[str, str], known: Sequence[str], executor: str) -> None:
    """Refuse a setting that an executor does not have."""
    for name in settings:
        one_of(name, tuple(known), f"setting of executor {executor!r}")
