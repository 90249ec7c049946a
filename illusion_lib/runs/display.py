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

from illusion_lib.escape import visible
from illusion_lib.runs.events import Event
from illusion_lib.runs.progress import CellState, StudyState

_SHOWN, _FAILURES = 20, 3
_BAR = 24
_ROOMY = 80  # columns, from which on there is room for bars and hosts


@dataclass(slots=True)
class Display:
    """Tells which cells run, how far they are, what they need, and how much time is left.

    Attributes
    ----------
    console
        Where to write.
    live
        Whether `table` is being shown all the while; otherwise every start and end is a line.
    state
        What is known of the study.
    """

    console: Console
    live: bool = False
    state: StudyState = field(default_factory=StudyState)

    def begin(self, waiting: Mapping[str, str], total: int) -> None:
        """Show what is to be done."""
        self.state.begin(waiting, total)
        if not self.live:
            self._say(f"{len(waiting)} of {total} cells to run")

    def see(self, event: Event) -> None:
        """Show what has happened to a cell."""
        cell = self.state.see(event)
        if cell is None or event.kind == "step":
            return
        reason = f" ({event.reason})" if event.reason else ""
        summary = "" if event.kind == "started" else f": {summary_line(self.state)}"
        if not self.live:
            self._say(f"{event.kind} {cell.name}{reason}{summary}")

    def progress(self, name: str, what: str, done: int, total: int) -> None:
        """Show a step of a single cell that is run without a study."""
        if name not in self.state.cells:
            self.begin({name: name}, 1)
        step = Event(kind="step", cell=name, key=name, what=what, done=done, total=total)
        self.see(step)

    def _say(self, line: str) -> None:
        self.console.print(visible(line), highlight=False, markup=False)

    def table(self) -> RenderableType:
        """Return the cells that run and, below, how the study as a whole goes."""
        running = [cell for cell in self.state.cells.values() if cell.state == "running"]
        roomy = self.console.width >= _ROOMY
        table = Table(box=None, padding=(0, 1), show_header=bool(running))
        table.add_column("cell")  # the one that gives way where room is short
        rows = [_row(cell) for cell in running[:_SHOWN]]
        table.add_column(
            "step", no_wrap=True, min_width=max((len(row[1]) for row in rows), default=0)
        )
        if roomy:
            table.add_column("", width=_BAR)
            table.add_column("on", no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*(row if roomy else row[:2]))
        more = len(running) - _SHOWN
        lines = [Text(f" and {more} more that run", style="dim")] if more > 0 else []
        failed = [cell for cell in self.state.cells.values() if cell.state == "failed"]
        lines += [_failure(cell) for cell in failed[-_FAILURES:]]
        return Group(table, *lines, Text(summary_line(self.state)))


def _failure(cell: CellState) -> Text:
    """Return one line, cut where the terminal ends; all of it is said when the study has ended."""
    line = f" failed {visible(cell.name)}: {visible(cell.reason)}"
    return Text(line, style="red", no_wrap=True, overflow="ellipsis")


def _row(cell: CellState) -> tuple[Text, Text, RenderableType, Text]:
    last, name = cell.last, Text(visible(cell.name), no_wrap=True, overflow="ellipsis")
    host = Text("" if last is None else visible(last.host))
    if last is None or not last.total:
        return name, Text("starting"), Text(""), host
    if last.total == 1:  # a step that cannot say how far it is
        return name, Text(visible(last.what)), Text(""), host
    step = Text(f"{visible(last.what)} {last.done}/{last.total}")
    return name, step, ProgressBar(total=last.total, completed=last.done, width=_BAR), host


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
    if left is not None and left >= 1:
        parts.append(f"about {duration(left)} left")
    return ", ".join(parts)


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """Yield a display that is taken down when the block ends."""
    if not console.is_terminal:
        yield Display(console)
        return
    shown = Display(console, live=True)
    # The table is made when it is drawn, a few times a second, not at each of a thousand events.
    with Live(console=console, get_renderable=shown.table, transient=True, refresh_per_second=4):
        yield shown


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
