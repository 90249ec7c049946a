"""Show a running study: a live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from illusion_lib.specs import CellSpec


@dataclass(slots=True)
class Display:
    """Tells which cells run, how far they are, and how much time is left.

    Attributes
    ----------
    console
        Where to write.
    bars
        The live bars; None where the console is not a terminal.
    """

    console: Console
    bars: Progress | None = None
    _started: float = 0.0
    _computed: int = 0
    _running: dict[CellSpec, TaskID | None] = field(default_factory=dict)
    _overall: TaskID | None = None

    def on_step(self, cell: CellSpec, what: str, done: int, total: int) -> None:
        """Show how far a step of a cell is."""
        if cell not in self._running:
            self._started = self._started or time.monotonic()
            self._running[cell] = self._announce(cell)
        task = self._running[cell]
        if self.bars is not None and task is not None:
            name = f"{_name(cell)}: {what}"
            self.bars.update(task, description=name, completed=done, total=total)

    def on_done(self, cell: CellSpec, done: int, total: int) -> None:
        """Show that a cell is done, and the time left."""
        task = self._running.pop(cell, None)
        left = ""
        if self._started:
            self._computed += 1
            rest = (time.monotonic() - self._started) / self._computed * (total - done)
            left = f", about {_duration(rest)} left" if done < total else ""
        text = f"{done}/{total} cells{left}"
        if self.bars is None:
            self.console.print(f"done {_name(cell)}: {text}", highlight=False, markup=False)
            return
        if task is not None:
            self.bars.remove_task(task)
        if self._overall is None:
            self._overall = self.bars.add_task("")
        self.bars.update(self._overall, description=text, completed=done, total=total)

    def _announce(self, cell: CellSpec) -> TaskID | None:
        if self.bars is not None:
            return self.bars.add_task(_name(cell))
        self.console.print(f"running {_name(cell)}", highlight=False, markup=False)
        return None


def _name(cell: CellSpec) -> str:
    return f"{cell.model.slug} {cell.slug}"


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
    with Progress(*columns, console=console, transient=True) as bars:
        yield Display(console, bars)


def _duration(seconds: float) -> str:
    """Return a duration for a reader.

    >>> _duration(75)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
