"""Make cells ready to run: checkpoint found, items loaded, dtype decided, content key known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from illusion_lib.checkpoints import find_checkpoint
from illusion_lib.items import Item, items_hash, items_removed, load_items
from illusion_lib.pruning.corpus import identity
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs import CellSpec, ModelSpec, TaskSpec

# Raise it when the same specification would give other records; old cells are then run anew.
RECORDS_VERSION = "3"
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class CellPlan:
    """A cell ready to run: dtype resolved, items loaded, content key known."""

    spec: CellSpec
    items: tuple[Item, ...]
    checkpoint: str
    key: str


@dataclass(slots=True)
class Planner:
    """Plans many cells, and looks at each checkpoint, question set and text once."""

    _known: dict[Hashable, Any] = field(default_factory=dict)

    def plan(self, spec: CellSpec) -> CellPlan:
        """Return the cell with everything resolved that its content key depends on.

        Raises
        ------
        ModelError, ItemError, SpecError
            The checkpoint, the items or the calibration text cannot be found.
        """
        model = self._once(resolve_model, spec.model)
        resolved = replace(spec, model=model)
        checkpoint = self._once(_fingerprint, model)
        items, hashed = self._once(_items, spec.task)
        calibrated = METHODS[spec.prune.method].calibrated
        text = self._once(identity, spec.calibration.source) if calibrated else ""
        return CellPlan(
            resolved, items, checkpoint, resolved.key(checkpoint, hashed, text, RECORDS_VERSION)
        )

    def _once(self, answer: Callable[[Any], _Answer], question: Hashable) -> _Answer:
        asked = (answer.__name__, question)
        if asked not in self._known:
            self._known[asked] = answer(question)
        known: _Answer = self._known[asked]
        return known


def plan_cell(spec: CellSpec) -> CellPlan:
    """Return one cell's plan; `Planner.plan` says what is raised."""
    return Planner().plan(spec)


def _fingerprint(model: ModelSpec) -> str:
    return find_checkpoint(model).fingerprint


def _items(task: TaskSpec) -> tuple[tuple[Item, ...], str]:
    items = task_items(task)
    return items, items_hash(items)


def resolve_model(spec: ModelSpec) -> ModelSpec:
    """Return a model's spec with its dtype decided and a local path made absolute."""
    path = Path(spec.name).expanduser()
    if path.exists():
        spec = replace(spec, name=str(path.resolve()))
    if spec.dtype != "auto":
        return spec  # without torch, which takes seconds to import
    from illusion_lib.models import resolve_dtype

    return resolve_dtype(spec)


def task_items(task: TaskSpec) -> tuple[Item, ...]:
    """Return the items that a task asks for, in their fixed order."""
    return load_items(
        task.name,
        task.languages,
        task.relations,
        task.limit,
        task.seed,
        path=task.path,
        passage=task.passage,
    )


def removed_counts(task: TaskSpec) -> dict[str, int]:
    """Return how many questions of a task's set are never asked, by the kind of reason."""
    removed = items_removed(task.name, task.languages, task.relations, path=task.path)
    return dict(Counter(fact.kind for fact in removed))
