"""Run one cell: load, prune, probe, record; or take it from the store where it is finished."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from illusion_lib.items import items_hash
from illusion_lib.pruning.registry import METHODS
from illusion_lib.records import to_table
from illusion_lib.runs.manifest import Manifest
from illusion_lib.runs.plan import CellPlan, plan_cell, removed_counts
from illusion_lib.runs.result import CellResult
from illusion_lib.runs.shared import Shared
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec

if TYPE_CHECKING:
    import torch

    from illusion_lib.models import Model
    from illusion_lib.pruning.statistics import Statistics

_POLL_SECONDS = 0.5
_LIBRARIES = ("torch", "transformers", "numpy", "tokenizers")

Progress = Callable[[str, int, int], None]


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


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
    while (result := attempt(plan, store, shared, progress)) is None:
        time.sleep(_POLL_SECONDS)
    return result


def attempt(
    plan: CellPlan, store: Store, shared: Shared | None = None, progress: Progress = no_progress
) -> CellResult | None:
    """Return a planned cell, computing it if need be; None while another process is at it."""
    found = store.get(plan.spec, plan.key)
    if found is not None:
        return found
    store.ready()
    lease = store.leases.take(plan.key)
    if lease is None:
        return None
    try:
        store.sweep_scratch(plan.spec, plan.key)
        return store.get(plan.spec, plan.key) or _compute(plan, store, shared, progress)
    finally:
        lease.release()


def _compute(plan: CellPlan, store: Store, shared: Shared | None, progress: Progress) -> CellResult:
    import torch

    from illusion_lib.models import load_model, weight_fingerprint
    from illusion_lib.probes import (
        Budget,
        batch_flips,
        describe_prompts,
        run_ladder,
        scoring_path,
    )
    from illusion_lib.pruning import prune

    shared = shared or Shared(store, gram=METHODS[plan.spec.prune.method].needs == "gram")
    seconds: dict[str, float] = {}
    with _timed(seconds, "load", progress):
        model = load_model(plan.spec.model, shared.device)
        before = shared.weights(model)
        reference = None
        if "kl" in plan.spec.probe.probes:
            reference = shared.reference(model, plan.items, plan.spec.probe)
    with _timed(seconds, "calibrate", progress):
        windows, statistics = _calibration(plan.spec, model, shared)
    with _timed(seconds, "prune", progress):
        report = prune(
            model,
            plan.spec.prune,
            windows if statistics is None else statistics,
            progress=lambda done, total: progress("prune", done, total),
        )
    budget = Budget()
    with _timed(seconds, "probe", progress):
        records = run_ladder(
            model,
            plan.items,
            plan.spec.probe,
            progress=lambda done, total, what: progress(what, done, total),
            reference=reference,
            budget=budget,
        )
        flips = {}
        if model.net.dtype != torch.float32:
            flips = asdict(batch_flips(model, plan.items, plan.spec.probe))
    manifest = Manifest(
        key=plan.key,
        spec=plan.spec.canonical(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        device=str(model.device),
        dtype=str(model.net.dtype).removeprefix("torch."),  # a quantised one may have its own
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
        scoring_path="expanded" if budget.unpacked else scoring_path(model.net),
        memory_halvings=budget.halvings,
        batch_flips=flips,
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


def _bytes_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "python": platform.python_version(),
        "illusion_lib": version("illusion-lib"),
    } | libraries
