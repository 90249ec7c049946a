"""What a study will cost: its cells, which are finished, and a stated estimate of the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from safetensors import safe_open

from illusion_lib.checkpoints import find_checkpoint, is_at_hand
from illusion_lib.pruning.registry import METHODS
from illusion_lib.records import Probe
from illusion_lib.runs.manifest import Manifest
from illusion_lib.runs.plan import Planner
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec, ModelSpec

# What one item costs in tokens, and how many need the searches, as short questions showed; the rest
# follows from the budgets.
_PROMPT_TOKENS = 45
_ANSWER_TOKENS = 5
_SEARCHED = 0.5
# Small matrices, masks, norms and copies keep a real forward below the peak of a large product.
_SHARE_OF_PEAK = 0.5
_Kind = tuple[str, str]  # a model's name and a method


@dataclass(frozen=True, slots=True)
class CellCost:
    """One line of a plan.

    Attributes
    ----------
    spec
        The cell.
    finished
        Whether the store already holds it.
    seconds
        What it took, or is expected to take, on this machine; None where the model's size is not
        known without fetching it.
    measured
        Whether `seconds` was measured: on the cell itself, or as the median of its like, scaled
        to its number of questions.
    """

    spec: CellSpec
    finished: bool
    seconds: float | None
    measured: bool


def plan_costs(cells: Sequence[CellSpec], store: Store) -> list[CellCost]:
    """Return the cost of each cell: measured where the store knows, estimated elsewhere.

    The estimate is 2 x parameters x tokens divided by a share of this machine's measured
    matrix-product speed, with half of the items assumed to need the recovery probes.
    """
    known = _Known(_peak_flops())
    for manifest in store.manifests():
        known.learn(manifest)
    return [known.cost(cell) for cell in cells]


@dataclass(slots=True)
class _Known:
    """What is known when cells are costed: the machine's peak, and what like cells took.

    Attributes
    ----------
    peak
        Floating-point operations a second.
    finished
        Seconds of finished cells, by content key.
    like
        By model and method, of finished cells: seconds to set up, and for one question.
    """

    peak: float
    finished: dict[str, float] = field(default_factory=dict)
    like: dict[_Kind, list[tuple[float, float]]] = field(default_factory=dict)
    _planner: Planner = field(default_factory=Planner)
    _models: dict[ModelSpec, tuple[bool, float | None]] = field(default_factory=dict)
    _usual: dict[tuple[_Kind, int], float] = field(default_factory=dict)

    def learn(self, manifest: Manifest) -> None:
        """Take note of a finished cell."""
        seconds, probing = sum(manifest.seconds.values()), manifest.seconds.get("probe", 0.0)
        self.finished[manifest.key] = seconds
        count = manifest.items.get("count")
        if isinstance(count, int) and count > 0:
            kind = _kind(manifest.spec)
            self.like.setdefault(kind, []).append((seconds - probing, probing / count))

    def cost(self, cell: CellSpec) -> CellCost:
        """Return a cell's cost, measured if any like it is finished."""
        at_hand, parameters = self._model(cell.model)
        count = _expected_items(cell)
        if at_hand:
            plan = self._planner.plan(cell)
            if plan.key in self.finished:
                return CellCost(cell, True, self.finished[plan.key], True)
            count = len(plan.items)
        kind = (cell.model.name, cell.prune.method)
        if kind in self.like:
            return CellCost(cell, False, self._usual_seconds(kind, count), True)
        if parameters is None:
            return CellCost(cell, False, None, False)
        tokens = count * _item_tokens(cell)
        if METHODS[cell.prune.method].calibrated:
            tokens += 3 * cell.calibration.samples * cell.calibration.length
        return CellCost(cell, False, 2 * parameters * tokens / (_SHARE_OF_PEAK * self.peak), False)

    def _model(self, spec: ModelSpec) -> tuple[bool, float | None]:
        """Return whether a model is at hand, and its number of weights where that is known."""
        if spec not in self._models:
            at_hand = is_at_hand(spec)
            self._models[spec] = at_hand, _parameters(spec) if at_hand else spec.parameters
        return self._models[spec]

    def _usual_seconds(self, kind: _Kind, count: int) -> float:
        """Return the median of what cells of a kind would have taken for so many questions."""
        asked = (kind, count)
        if asked not in self._usual:
            alike = self.like[kind]
            self._usual[asked] = median(setup + count * item for setup, item in alike)
        return self._usual[asked]


def _kind(spec: dict[str, Any]) -> _Kind:
    """Return the model and the method of a manifest's specification, or what it has instead."""
    model, prune = (spec.get(name) for name in ("model", "prune"))
    name = model.get("name") if isinstance(model, dict) else None
    method = prune.get("method") if isinstance(prune, dict) else None
    return str(name), str(method)


def _expected_items(cell: CellSpec) -> int:
    """Return how many items a task asks for, where its data may still have to be fetched."""
    task = cell.task
    return (task.limit or 100) * max(len(task.languages), 1) * max(len(task.relations), 1)


def _item_tokens(cell: CellSpec) -> float:
    probe, options = cell.probe, 4
    shown = 2 * _PROMPT_TOKENS + _ANSWER_TOKENS  # a prompt that lists the options, and an answer
    cost: dict[Probe, float] = {
        "open": _PROMPT_TOKENS + _ANSWER_TOKENS,
        "candidates": shown,
        "choice": options * _ANSWER_TOKENS,
        "rank": 2 * _ANSWER_TOKENS,
        "beam": _SEARCHED * probe.beams * _ANSWER_TOKENS,
        "sample": _SEARCHED * probe.samples * _ANSWER_TOKENS,
        "one_shot": _SEARCHED * probe.demonstrations * shown,
        "letter": probe.orders * (2 * _PROMPT_TOKENS + options),
        "choices_only": _PROMPT_TOKENS + options * _ANSWER_TOKENS,
        "gold_absent": shown,
        "gold_only": shown,
        "shuffled": probe.orders * shown,
        "beam_curve": _SEARCHED * sum(probe.widths) * _ANSWER_TOKENS,
        "sample_curve": _SEARCHED * len(probe.temperatures) * probe.samples * _ANSWER_TOKENS,
        "kl": 0,  # read where the open prompt ends
    }
    return sum(cost[name] for name in probe.probes)


def _parameters(spec: ModelSpec) -> int:
    """Return the number of weights, read from the headers of the checkpoint's files."""
    total = 0
    for path in find_checkpoint(spec).folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118  # not a mapping
    return total


def _peak_flops() -> float:
    """Return this machine's floating-point operations a second in a 1024-cube product.

    The fastest of some rounds: other work on the machine only ever slows one down.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    left, right = torch.rand(2, 1024, 1024, device=device)
    return 2 * 1024**3 / min(_product_seconds(left, right) for _ in range(20))


def _product_seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    start = time.perf_counter()
    (left @ right)[0, 0].item()  # waits for the device
    return time.perf_counter() - start
