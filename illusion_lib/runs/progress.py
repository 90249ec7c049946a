"""How a study goes: which cells run, are done or have failed, how fast, and for how much longer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from illusion_lib.runs.events import Event

State = Literal["waiting", "running", "done", "failed"]


class Watch(Protocol):
    """Is told how a study goes."""

    def begin(self, waiting: Mapping[str, str], total: int) -> None:
        """Take note of the cells to run, names by content key, and of how many there are in all."""
        ...

    def see(self, event: Event) -> None:
        """Take note of what has happened to a cell, perhaps of another study."""
        ...


@dataclass(slots=True)
class CellState:
    """One cell that was not finished at the beginning."""

    name: str
    state: State = "waiting"
    last: Event | None = None
    reason: str = ""


@dataclass(slots=True)
class StudyState:
    """Adds up events.

    Attributes
    ----------
    total
        Cells of the study.
    cells
        Those that were not finished at the beginning, by content key.
    clock
        A monotonic clock, of this process alone.
    """

    total: int = 0
    cells: dict[str, CellState] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    items: int = 0
    memory_bytes: int = 0
    _started: float = 0.0
    _last_end: float = 0.0

    def begin(self, waiting: Mapping[str, str], total: int) -> None:
        """Take note of the cells to run."""
        self.total, self._started = total, self.clock()
        self._last_end = self._started
        self.cells = {key: CellState(name) for key, name in waiting.items()}

    def see(self, event: Event) -> CellState | None:
        """Take note of an event; return its cell, or None for a cell of another study."""
        cell = self.cells.get(event.key)
        if cell is None:
            return None
        cell.last = event
        if event.kind in ("started", "step"):
            cell.state = "running"
        elif event.kind == "killed":
            cell.state = "waiting"
        elif event.kind == "done":
            cell.state = "done"
            self.items += event.items
        else:
            cell.state, cell.reason = "failed", event.reason
        if cell.state in ("done", "failed"):
            self._last_end = self.clock()
        self.memory_bytes = max(self.memory_bytes, event.memory_bytes)
        return cell

    def counts(self) -> Counter[State]:
        """Return how many cells are in each state."""
        found: Counter[State] = Counter(cell.state for cell in self.cells.values())
        found["done"] += self.total - len(self.cells)
        return found

    def items_per_second(self) -> float | None:
        """Return the questions answered a second until the last cell was done; None before one."""
        seconds = self._last_end - self._started
        return self.items / seconds if self.items and seconds > 0 else None

    def seconds_left(self) -> float | None:
        """Return the time left if cells go on as they went so far; None before the first.

        It counts down from the moment at which a cell ended, until the next one does.
        """
        ended = sum(cell.state in ("done", "failed") for cell in self.cells.values())
        if not ended:
            return None
        expected = (self._last_end - self._started) / ended * (len(self.cells) - ended)
        return max(0.0, expected - (self.clock() - self._last_end))
