"""What a person sees of a running study: a table that fits the terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from illusion_lib.runs.display import display
from illusion_lib.runs.events import Event
from illusion_lib.runs.progress import StudyState

CELLS = {f"k{n}": f"a-model-with-a-long-name wanda-s{n:03d}-c1" for n in range(40)}


def event(kind, key, **entries):
    return Event(kind=kind, cell=CELLS[key], key=key, host="node-1", **entries)


def begun(shown):
    shown.begin(CELLS, 42)
    for key in list(CELLS)[:25]:
        shown.see(event("started", key))
    shown.see(event("step", "k0", what="choice", done=3, total=40))
    shown.see(event("done", "k1", seconds=2.0, items=40, memory_bytes=2**30))
    shown.see(event("failed", "k2", reason="no \x1b[31mmemory [/bold] \u202e" + 200 * "!"))


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_the_table_fits_any_terminal(width):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, height=40)
    with display(console) as shown:
        begun(shown)
        plain = Console(file=io.StringIO(), width=width)
        plain.print(shown.table())
        lines = plain.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    assert "choice 3/40" in "\n".join(lines)
    assert ("node-1" in "\n".join(lines)) == (width >= 80)
    assert [line.strip() for line in lines if "more that run" in line] == ["and 3 more that run"]
    assert ("no \\x1b[31mmemory" in "\n".join(lines)) == (width >= 80)
    said = " ".join(" ".join(lines[-3:]).split())
    assert "3/42 cells done, 23 running, 1 failed, 15 waiting" in said
    assert "up to 1.0 GiB a cell" in said
    assert "[31m!" not in file.getvalue()


def test_without_a_terminal_every_start_and_end_is_a_line():
    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    with display(console) as shown:
        begun(shown)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == "40 of 42 cells to run"
    assert len(lines) == 1 + 25 + 2  # steps are not told
    assert lines[1] == f"started {CELLS['k0']}"
    assert lines[-2].startswith(f"done {CELLS['k1']}: 3/42 cells done, 24 running, 15 waiting")
    assert "no \\x1b[31mmemory [/bold] \\u202e!" in lines[-1]


def test_speed_and_time_left_hold_until_the_next_cell_ends():
    now = [100.0]
    state = StudyState(clock=lambda: now[0])
    state.begin({key: CELLS[key] for key in ("k0", "k1", "k2", "k3")}, 4)
    assert state.seconds_left() is None
    now[0] += 10
    state.see(event("done", "k0", items=20))
    assert (state.items_per_second(), state.seconds_left()) == (2.0, 30.0)
    now[0] += 4
    assert (state.items_per_second(), state.seconds_left()) == (2.0, 26.0)
    now[0] += 40
    assert state.seconds_left() == 0
    state.see(event("failed", "k1"))
    assert state.seconds_left() == 54.0
