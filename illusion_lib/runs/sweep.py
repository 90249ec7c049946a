"""Run a study: every cell once, finished ones reused, failures kept apart and named."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from illusion_lib.errors import IllusionError, SpecError
from illusion_lib.pruning.registry import DENSE, METHODS
from illusion_lib.records import to_frame
from illusion_lib.runs.events import EventReader
from illusion_lib.runs.executors import Executor
from illusion_lib.runs.executors.here import HereExecutor
from illusion_lib.runs.gathered import MANY, find_gathered, gather
from illusion_lib.runs.job import Job
from illusion_lib.runs.plan import CellPlan, Planner, resolve_model
from illusion_lib.runs.progress import Watch
from illusion_lib.runs.result import CellResult
from illusion_lib.runs.shared import STATISTICS
from illusion_lib.runs.store import Store
from illusion_lib.runs.studies import study_content, study_from
from illusion_lib.specs import CalibrationSpec, CellSpec, ModelSpec, StudySpec

STUDY_FILE = "study.json"

_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class StudyResult:
    """A study's finished cells.

    Attributes
    ----------
    study
        What was asked for.
    cells
        Finished cells in the study's order.
    failures
        Cells that could not be run, with the reason.
    """

    study: StudySpec
    cells: tuple[CellResult, ...]
    failures: tuple[tuple[CellSpec, str], ...] = ()

    @cached_property
    def records(self) -> pd.DataFrame:
        """All records, with columns in front that say which cell they belong to."""
        starts = range(0, len(self.cells), _BATCH)
        parts = [_joined(self.cells[start : start + _BATCH]) for start in starts]
        return to_frame(pa.concat_tables(parts))


# Cells whose records are put into one piece: thousands of pieces would cost time and memory.
_BATCH = 500


def _joined(cells: Sequence[CellResult]) -> pa.Table:
    """Return the records of some cells, with columns in front that say which cell they are of."""
    tables = [cell.rows() for cell in cells]
    table = pa.concat_tables(tables).combine_chunks()
    labels = pa.Table.from_pylist([_labels(cell.spec) for cell in cells], _LABELS)
    labels = labels.take(np.repeat(np.arange(len(tables)), [len(table) for table in tables]))
    columns = [*labels.columns, *table.columns]
    return pa.table(columns, [*labels.column_names, *table.column_names])


_LABELS = pa.schema(
    {
        "model": pa.string(),
        "cell": pa.string(),
        "method": pa.string(),
        "sparsity": pa.float64(),
        "pattern": pa.string(),
        "label": pa.string(),
        "calibration_seed": pa.int64(),
    }
)


def _labels(cell: CellSpec) -> dict[str, object]:
    prune = cell.prune
    return {
        "model": cell.model.slug,
        "cell": cell.slug,
        "method": prune.method,
        "sparsity": float(prune.sparsity),
        "pattern": prune.pattern,
        "label": prune.label,
        "calibration_seed": cell.calibration.seed,
    }


def run_study(
    study: StudySpec,
    store: Store,
    models: Sequence[str] | None = None,
    *,
    device: str = "auto",
    executor: Executor | None = None,
    watch: Watch | None = None,
) -> StudyResult:
    """Run a study's cells; what is finished already is taken from the store.

    Several processes or machines may run one study into one folder at the same time: each takes
    the cells that nobody else has in hand.

    Parameters
    ----------
    study
        What to run.
    store
        Where cells are kept; the study is noted in it.
    models
        Names of models to keep to; None runs all.
    device
        Passed to `load_model`.
    executor
        Where cells run; None runs them here, one after another.
    watch
        Is told how the study goes.

    Returns
    -------
    StudyResult
        A cell that fails does not stop the others; it is listed under `failures`.
    """
    unknown = set(models or ()) - {model.name for model in study.models}
    if unknown:
        raise SpecError(f"study {study.name!r} has no model {', '.join(sorted(unknown))}")
    chosen = [c for c in study.cells() if models is None or c.model.name in models]
    if models is None:
        study = _portable(study)
        store.write_json(STUDY_FILE, study_content(study))
    run = _Run(store, chosen)
    if run.plans.keys() - run.finished.keys():
        store.create()
        run.compute(_jobs(run, study, device, executor is not None), executor, watch)
    if models is None:
        run.gather()
    finished = tuple(run.finished[cell] for cell in chosen if cell in run.finished)
    failures = tuple((cell, run.failed[cell]) for cell in chosen if cell in run.failed)
    return StudyResult(study, finished, failures)


class _Run:
    """The cells of one call: which are planned, finished, failed."""

    def __init__(self, store: Store, cells: Sequence[CellSpec]) -> None:
        self.store = store
        self.total = len(cells)
        self.plans: dict[CellSpec, CellPlan] = {}
        self.finished: dict[CellSpec, CellResult] = {}
        self.failed: dict[CellSpec, str] = {}
        planner = Planner()
        for cell in cells:
            try:
                self.plans[cell] = planner.plan(cell)
            except IllusionError as error:
                self.failed[cell] = str(error)
        self.gathered: set[CellSpec] = set()
        if len(self.plans) >= MANY:
            self._take_gathered()
        for cell in self.plans:
            if cell not in self.gathered:
                self._look_up(cell)

    def gather(self) -> None:
        """Put the records of a large study into one file, for this look and for the next ones."""
        if len(self.finished) >= MANY and self.finished.keys() - self.gathered:
            gather(self.store, list(self.finished.values()))
            self._take_gathered()

    def _take_gathered(self) -> None:
        found = find_gathered(self.store, self.plans.values())
        for cell, plan in self.plans.items():
            if plan.key in found:
                self.finished[cell] = found[plan.key]
                self.gathered.add(cell)

    def _look_up(self, cell: CellSpec) -> bool:
        """Return whether the store holds a cell, and keep it."""
        plan = self.plans[cell]
        found = self.store.get(plan.spec, plan.key)
        if found is not None:
            self.finished[cell] = found
        return found is not None

    def compute(self, jobs: Sequence[Job], executor: Executor | None, watch: Watch | None) -> None:
        """Run jobs until each is finished, here or elsewhere, or has failed."""
        reader = EventReader(self.store.root)
        reader.skip()
        if watch is not None:
            watch.begin({job.key: job.name for job in jobs}, self.total)

        def tick() -> None:
            if watch is not None:
                for event in reader.new():
                    watch.see(event)

        runner = executor or HereExecutor()
        while jobs:
            busy = []
            for outcome in runner.run(jobs, tick):
                # Whatever its process says, a cell that lies in the store is finished.
                if self._look_up(outcome.job.cell):
                    continue
                if outcome.status == "busy":
                    busy.append(outcome.job)
                else:
                    self.failed[outcome.job.cell] = outcome.reason or "its records were damaged"
            jobs = self._until_free(busy, tick)
        tick()
        self.store.forget(STATISTICS)

    def _until_free(self, jobs: Sequence[Job], tick: Callable[[], None]) -> list[Job]:
        """Wait for cells in other hands; return those that were left unfinished there."""
        left = list(jobs)
        while left:
            left = [job for job in left if not self._look_up(job.cell)]
            free = [job for job in left if self.store.leases.is_free(job.key)]
            if free:
                return left
            tick()
            time.sleep(_POLL_SECONDS if left else 0)
        return []


def _jobs(run: _Run, study: StudySpec, device: str, keep: bool) -> list[Job]:
    """Return the cells to run; first of all one cell for each set of statistics.

    While it collects them, cells that need none keep the others busy. Dense cells are the shortest:
    where others can do that, they come last, so that nobody waits long for the last cell.
    """
    gram = any(METHODS[p.method].needs == "gram" for p in study.prunings)
    root = str(run.store.root.resolve())
    pending = [
        Job(cell, plan.key, root, device, gram, keep)
        for cell, plan in run.plans.items()
        if cell not in run.finished
    ]
    first: dict[tuple[ModelSpec, CalibrationSpec], str] = {}
    for job in pending:
        prune = job.cell.prune
        if prune.statistics == "one_pass" and METHODS[prune.method].calibrated:
            first.setdefault((job.cell.model, job.cell.calibration), job.key)
    methods = {job.key: METHODS[job.cell.prune.method] for job in pending}
    fillers = any(not m.calibrated and m.sparsifies for m in methods.values())

    def turn(job: Job) -> int:
        if job.key in first.values():
            return 0
        return 2 if fillers and job.cell.prune.method == DENSE else 1

    return sorted(pending, key=turn)


def _portable(study: StudySpec) -> StudySpec:
    """Return the study as any process, in any folder, would run it again."""

    def absolute(name: str) -> str:
        return str(Path(name).resolve()) if Path(name).is_file() else name

    return replace(
        study,
        models=tuple(resolve_model(model) for model in study.models),
        calibrations=tuple(replace(c, source=absolute(c.source)) for c in study.calibrations),
        tasks=tuple(replace(task, name=absolute(task.name)) for task in study.tasks),
    )


def load_study(folder: Path | str) -> StudyResult:
    """Return the study that was swept into a folder; missing cells are computed.

    Raises
    ------
    StoreError
        The folder holds no study.
    """
    store = Store(folder)
    return run_study(stored_study(store), store)


def stored_study(store: Store) -> StudySpec:
    """Return the study that was last swept into a store."""
    return study_from(store.read_json(STUDY_FILE), str(store.root / STUDY_FILE))
