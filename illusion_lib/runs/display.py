"""Show a running study: a live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from illusion_lib.specs import CellSpec

_REUSED_SECONDS = 1.0


@dataclass(slots=True)
class Display:
    """Tells which cell runs, how far it is, and how much time is left.

    Attributes
    ----------
    console
        Where to write.
    bar
        The live bar; None where the console is not a terminal.
    """

    console: Console
    bar: Progress | None = None
    _started: float | None = None
    _seconds: list[float] = field(default_factory=list)

    def on_cell(self, cell: CellSpec, done: int, total: int) -> None:
        """Announce the next cell."""
        self._clock()
        left = ""
        if self._seconds:
            left = f", about {_duration(median(self._seconds) * (total - done))} left"
        text = f"cell {done + 1}/{total} {cell.model.slug} {cell.slug}{left}"
        if self.bar is None:
            self.console.print(text, highlight=False, markup=False)
        else:
            self.bar.reset(self._tasks()[0], total=total, completed=done, description=text)

    def on_step(self, what: str, done: int, total: int) -> None:
        """Show how far a step of the cell is."""
        if self.bar is not None:
            self.bar.update(self._tasks()[1], description=what, completed=done, total=total)

    def _clock(self) -> None:
        """Note how long the last cell took; one taken from the store says nothing of the rest."""
        now = time.monotonic()
        if self._started is not None and now - self._started > _REUSED_SECONDS:
            self._seconds.append(now - self._started)
        self._started = now

    def _tasks(self) -> tuple[TaskID, TaskID]:
        assert self.bar is not None
        if not self.bar.tasks:
            self.bar.add_task("cells")
            self.bar.add_task("step")
        first, second = self.bar.task_ids
        return first, second


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """Yield a display that is taken down when the block ends."""
    if not console.is_terminal:
        yield Display(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield Display(console, bar)


def _duration(seconds: float) -> str:
    """Return a duration for a reader.

    >>> _duration(75)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
