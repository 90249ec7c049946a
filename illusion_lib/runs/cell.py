"""Run one cell: load, prune, probe, record; or take it from the store where it is finished."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from illusion_lib.checkpoints import find_checkpoint
from illusion_lib.errors import SpecError
from illusion_lib.items import Item, items_hash, items_removed, load_items
from illusion_lib.pruning.registry import METHODS
from illusion_lib.records import to_table
from illusion_lib.runs.store import CellResult, Manifest, Store
from illusion_lib.specs import CalibrationSpec, CellSpec, ModelSpec, TaskSpec

if TYPE_CHECKING:
    import torch

    from illusion_lib.models import Model
    from illusion_lib.pruning.statistics import Statistics

# Raise it when the same specification would give other records; old cells are then run anew.
RECORDS_VERSION = "1"
_LIBRARIES = ("torch", "transformers", "numpy", "tokenizers")

Progress = Callable[[str, int, int], None]


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class CellPlan:
    """A cell ready to run: dtype resolved, items loaded, content key known."""

    spec: CellSpec
    items: tuple[Item, ...]
    checkpoint: str
    key: str


@dataclass(slots=True)
class Shared:
    """What the cells of one process have in common and compute once.

    Attributes
    ----------
    store
        Where calibration windows are kept between processes.
    device
        Passed to `load_model`.
    gram
        Whether one-pass statistics must serve methods that need the whole Gram matrix.
    """

    store: Store
    device: str = "auto"
    gram: bool = True
    _windows: dict[str, torch.Tensor] = field(default_factory=dict)
    _statistics: dict[str, Statistics] = field(default_factory=dict)
    _weights: dict[tuple[str, str], str] = field(default_factory=dict)

    def weights(self, model: Model) -> str:
        """Return the fingerprint of the still dense `model`'s parameters."""
        from illusion_lib.models import weight_fingerprint

        key = (model.fingerprint, model.spec.dtype)
        if key not in self._weights:
            self._weights[key] = weight_fingerprint(model.net)
        return self._weights[key]

    def windows(self, model: Model, spec: CalibrationSpec) -> torch.Tensor:
        """Return calibration windows of the still dense `model`, int64 (samples, length)."""
        import torch

        from illusion_lib.pruning import calibrate

        key = _calibration_key(model, spec)
        if key not in self._windows:
            stored = self.store.tokens(key)
            if stored is None:
                windows = calibrate(model, spec.source, spec.samples, spec.length, spec.seed)
                stored = windows.cpu().numpy()
                self.store.put_tokens(key, stored)
            self._windows[key] = torch.from_numpy(stored)
        return self._windows[key]

    def statistics(self, model: Model, spec: CalibrationSpec) -> Statistics:
        """Return one-pass statistics of the still dense `model`."""
        from illusion_lib.pruning.engine import collect

        key = _calibration_key(model, spec)
        if key not in self._statistics:
            self._statistics.clear()  # one model's Gram matrices at a time
            windows = self.windows(model, spec)
            self._statistics[key] = collect(model, windows, "gram" if self.gram else "norms")
        return self._statistics[key]


def plan_cell(spec: CellSpec) -> CellPlan:
    """Return the cell with everything resolved that its content key depends on.

    Raises
    ------
    ModelError, ItemError
        The checkpoint or the items cannot be found.
    """
    resolved = replace(spec, model=resolve_model(spec.model))
    checkpoint = find_checkpoint(resolved.model).fingerprint
    items = task_items(spec.task)
    key = resolved.key(checkpoint, items_hash(items), _source_hash(spec), RECORDS_VERSION)
    return CellPlan(resolved, items, checkpoint, key)


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


def run_cell(
    spec: CellSpec, store: Store, shared: Shared | None = None, progress: Progress = no_progress
) -> CellResult:
    """Return a cell's records, computing them unless the store holds them.

    Parameters
    ----------
    spec
        What to run.
    store
        Where finished cells are kept.
    shared
        What earlier cells of this process have left; None starts afresh.
    progress
        Called with a step's name, the work done and the total.

    Raises
    ------
    IllusionError
        The cell cannot be run as asked; nothing is written.
    """
    plan = plan_cell(spec)
    return store.get(plan.spec, plan.key) or _compute(plan, store, shared, progress)


def _compute(plan: CellPlan, store: Store, shared: Shared | None, progress: Progress) -> CellResult:
    import torch

    from illusion_lib.models import load_model, weight_fingerprint
    from illusion_lib.probes import describe_prompts, run_ladder, scoring_path
    from illusion_lib.pruning import prune

    shared = shared or Shared(store, gram=METHODS[plan.spec.prune.method].needs == "gram")
    seconds: dict[str, float] = {}
    with _timed(seconds, "load", progress):
        model = load_model(plan.spec.model, shared.device)
        before = shared.weights(model)
    with _timed(seconds, "calibrate", progress):
        windows, statistics = _calibration(plan.spec, model, shared)
    with _timed(seconds, "prune", progress):
        report = prune(
            model,
            plan.spec.prune,
            windows if statistics is None else statistics,
            progress=lambda done, total: progress("prune", done, total),
        )
    with _timed(seconds, "probe", progress):
        records = run_ladder(
            model,
            plan.items,
            plan.spec.probe,
            progress=lambda done, total, what: progress(what, done, total),
        )
    manifest = Manifest(
        key=plan.key,
        spec=plan.spec.canonical(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        device=str(model.device),
        dtype=plan.spec.model.dtype,
        threads=torch.get_num_threads(),
        checkpoint=plan.checkpoint,
        checkpoint_note=model.note,
        weights_before=before,
        weights_after=weight_fingerprint(model.net),
        pruning=asdict(report),
        calibration_sha256=None if windows is None else _bytes_hash(windows.numpy().tobytes()),
        items={
            "count": len(plan.items),
            "sha256": items_hash(plan.items),
            "sources": sorted({item.source for item in plan.items}),
            "removed": removed_counts(plan.spec.task),
        },
        prompts=describe_prompts(model, plan.spec.probe),
        scoring_path=scoring_path(model.net),
        seconds=seconds,
    )
    return store.put(plan.spec, to_table(records), manifest)


def _calibration(
    spec: CellSpec, model: Model, shared: Shared
) -> tuple[torch.Tensor | None, Statistics | None]:
    if not METHODS[spec.prune.method].calibrated:
        return None, None
    windows = shared.windows(model, spec.calibration)
    if spec.prune.statistics == "sequential":
        return windows, None
    return windows, shared.statistics(model, spec.calibration)


@contextmanager
def _timed(seconds: dict[str, float], stage: str, progress: Progress) -> Iterator[None]:
    progress(stage, 0, 1)
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 3)
    progress(stage, 1, 1)


def _calibration_key(model: Model, spec: CalibrationSpec) -> str:
    content = [asdict(spec), _text_hash(spec.source), model.fingerprint, model.spec.dtype]
    return _bytes_hash(json.dumps([*content, RECORDS_VERSION]).encode())[:32]


def _source_hash(spec: CellSpec) -> str:
    """Return the hash of the calibration text; empty for a method that reads none."""
    calibrated = METHODS[spec.prune.method].calibrated
    return _text_hash(spec.calibration.source) if calibrated else ""


def _text_hash(source: str) -> str:
    if source == "self":
        return source
    try:
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(
            f"calibration source {source!r} cannot be read ({error.strerror}); "
            "give 'self' or the path of a text file"
        ) from error


def _bytes_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "python": platform.python_version(),
        "illusion_lib": version("illusion-lib"),
    } | libraries
