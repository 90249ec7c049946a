"""Show a running study: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from illusion_lib.runs.events import Event
from illusion_lib.runs.progress import CellState, StudyState

_SHOWN = 20


@dataclass(slots=True)
class Display:
    """Tells which cells run, how far they are, what they need, and how much time is left.

    Attributes
    ----------
    console
        Where to write.
    live
        The live table; None where the console is not a terminal.
    state
        What is known of the study.
    """

    console: Console
    live: Live | None = None
    state: StudyState = field(default_factory=StudyState)

    def begin(self, waiting: Mapping[str, str], total: int) -> None:
        """Show what is to be done."""
        self.state.begin(waiting, total)
        if self.live is None:
            self._say(f"{len(waiting)} of {total} cells to run")
        self._refresh()

    def see(self, event: Event) -> None:
        """Show what has happened to a cell."""
        cell = self.state.see(event)
        if cell is not None and self.live is None and event.kind != "step":
            reason = f" ({event.reason})" if event.reason else ""
            summary = "" if event.kind == "started" else f": {summary_line(self.state)}"
            self._say(f"{event.kind} {cell.name}{reason}{summary}")
        self._refresh()

    def progress(self, name: str, what: str, done: int, total: int) -> None:
        """Show a step of a single cell that is run without a study."""
        if name not in self.state.cells:
            self.begin({name: name}, 1)
        step = Event(kind="step", cell=name, key=name, what=what, done=done, total=total)
        self.see(step)

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False)

    def _refresh(self) -> None:
        if self.live is not None:
            self.live.update(self.table())

    def table(self) -> RenderableType:
        """Return the cells that run and, below, how the study as a whole goes."""
        running = [cell for cell in self.state.cells.values() if cell.state == "running"]
        table = Table(box=None, padding=(0, 1), show_header=bool(running))
        for heading in ("cell", "step", "", "on"):
            table.add_column(heading)
        for cell in running[:_SHOWN]:
            table.add_row(*_row(cell))
        return Group(table, Text(summary_line(self.state)))


def _row(cell: CellState) -> tuple[RenderableType, ...]:
    last = cell.last
    if last is None or not last.total:
        return Text(cell.name), Text("starting"), Text(""), Text("" if last is None else last.host)
    bar = ProgressBar(total=last.total, completed=last.done, width=24)
    return Text(cell.name), Text(f"{last.what} {last.done}/{last.total}"), bar, Text(last.host)


def summary_line(state: StudyState) -> str:
    """Return counts, speed, memory and the time left, as far as they are known."""
    counts = state.counts()
    named = [f"{counts[name]} {name}" for name in ("running", "failed", "waiting") if counts[name]]
    parts = [f"{counts['done']}/{state.total} cells done", *named]
    speed, left = state.items_per_second(), state.seconds_left()
    if speed is not None:
        parts.append(f"{speed:.2g} items/s")
    if state.memory_bytes:
        parts.append(f"up to {state.memory_bytes / 2**30:.1f} GiB a cell")
    if left:
        parts.append(f"about {duration(left)} left")
    return ", ".join(parts)


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """Yield a display that is taken down when the block ends."""
    if not console.is_terminal:
        yield Display(console)
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield Display(console, live)


def duration(seconds: float) -> str:
    """Return a duration for a reader.

    >>> duration(75)
    '1 min 15 s'
    >>> duration(7320)
    '2 h 2 min'
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, short = divmod(minutes, 60)
    if hours:
        return f"{hours} h {short} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
