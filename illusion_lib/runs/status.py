"""How far a study is, told from its folder alone: finished cells, leases and the event log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from illusion_lib.errors import IllusionError
from illusion_lib.runs.events import EventReader
from illusion_lib.runs.plan import Planner
from illusion_lib.runs.progress import CellState, State
from illusion_lib.runs.store import Store
from illusion_lib.specs import StudySpec


@dataclass(frozen=True, slots=True)
class Status:
    """What a folder tells of a study.

    Attributes
    ----------
    cells
        In the study's order. ``running`` is a cell that somebody holds the lease of.
    items, seconds_of_done, memory_bytes
        Over the cells that the event log says were computed: questions, seconds of each, and the
        most memory that one needed.
    """

    cells: tuple[CellState, ...]
    items: int
    seconds_of_done: tuple[float, ...]
    memory_bytes: int

    def counts(self) -> Counter[State]:
        """Return how many cells are in each state."""
        return Counter(cell.state for cell in self.cells)


def study_status(study: StudySpec, store: Store) -> Status:
    """Return how far a study is; nothing is computed, written or waited for."""
    cells: dict[str, CellState] = {}
    planner, held = Planner(), store.leases.held()
    for cell in study.cells():
        state = CellState(f"{cell.model.slug} {cell.slug}")
        try:
            plan = planner.plan(cell)
        except IllusionError as error:
            state.state, state.reason = "failed", str(error)
            cells[f"unplanned {len(cells)}"] = state
            continue
        if store.has(plan.spec, plan.key):
            state.state = "done"
        elif plan.key in held:
            state.state = "running"
        cells[plan.key] = state
    done = {}
    for event in EventReader(store.root).new(steps_of=held):
        known = cells.get(event.key)
        if known is None:
            continue
        known.last = event
        if event.kind == "done":
            done[event.key] = event
        if known.state in ("waiting", "failed"):
            failed = event.kind == "failed"
            known.state, known.reason = ("failed", event.reason) if failed else ("waiting", "")
    return Status(
        tuple(cells.values()),
        sum(event.items for event in done.values()),
        tuple(event.seconds for event in done.values()),
        max((event.memory_bytes for event in done.values()), default=0),
    )
