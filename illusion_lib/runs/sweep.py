"""Run a study: every cell once, finished ones reused, failures kept apart and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from illusion_lib.errors import IllusionError, SpecError
from illusion_lib.pruning.registry import METHODS
from illusion_lib.runs.cell import Shared, plan_cell, resolve_model, run_cell
from illusion_lib.runs.store import CellResult, Store
from illusion_lib.runs.studies import study_content, study_from
from illusion_lib.runs.workers import OnStep, run_side_by_side
from illusion_lib.specs import CellSpec, StudySpec

STUDY_FILE = "study.json"

OnDone = Callable[[CellSpec, int, int], None]


@dataclass(frozen=True, slots=True)
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

    @property
    def records(self) -> pd.DataFrame:
        """All records, with columns in front that say which cell they belong to."""
        return pd.concat([_labelled(cell) for cell in self.cells], ignore_index=True)


def _labelled(cell: CellResult) -> pd.DataFrame:
    prune = cell.spec.prune
    front = {
        "model": cell.spec.model.slug,
        "cell": cell.spec.slug,
        "method": prune.method,
        "sparsity": prune.sparsity,
        "pattern": prune.pattern,
        "label": prune.label,
        "calibration_seed": cell.spec.calibration.seed,
    }
    return pd.concat([pd.DataFrame(front, index=cell.records.index), cell.records], axis="columns")


def run_study(
    study: StudySpec,
    store: Store,
    models: Sequence[str] | None = None,
    *,
    device: str = "auto",
    workers: int = 1,
    on_step: OnStep = lambda cell, what, done, total: None,
    on_done: OnDone = lambda cell, done, total: None,
) -> StudyResult:
    """Run a study's cells; what is finished already is taken from the store.

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
    workers
        How many cells run at once, each in a process of its own; 1 runs them here.
    on_step
        Called within a cell with the cell, a step's name, the work done and the total.
    on_done
        Called after each cell with the cell, the number of cells done and the total.

    Returns
    -------
    StudyResult
        A cell that fails does not stop the others; it is listed under `failures`.
    """
    unknown = set(models or ()) - {model.name for model in study.models}
    if unknown:
        raise SpecError(f"study {study.name!r} has no model {', '.join(sorted(unknown))}")
    if workers < 1:
        raise SpecError(f"workers must be at least 1, got {workers}")
    chosen = [c for c in study.cells() if models is None or c.model.name in models]
    if models is None:
        study = _portable(study)
        store.write_json(STUDY_FILE, study_content(study))
    shared = Shared(
        store, device, gram=any(METHODS[p.method].needs == "gram" for p in study.prunings)
    )
    pending = [cell for cell in chosen if not _is_finished(cell, store)]
    told = _Told(len(chosen), on_done)
    for cell in chosen:
        if cell not in pending:
            told.done(cell)
    if workers > 1 and len(pending) > 1:
        outcomes = run_side_by_side(pending, shared, min(workers, len(pending)), on_step)
    else:
        outcomes = _run_here(pending, shared, on_step)
    failed: dict[CellSpec, str] = {}
    for cell, reason in outcomes:
        if reason is not None:
            failed[cell] = reason
        told.done(cell)
    finished = tuple(run_cell(cell, store, shared) for cell in chosen if cell not in failed)
    return StudyResult(study, finished, tuple(failed.items()))


@dataclass(slots=True)
class _Told:
    """Counts the cells that are done."""

    total: int
    on_done: OnDone
    count: int = 0

    def done(self, cell: CellSpec) -> None:
        self.count += 1
        self.on_done(cell, self.count, self.total)


def _is_finished(cell: CellSpec, store: Store) -> bool:
    try:
        plan = plan_cell(cell)
    except IllusionError:
        return False  # running it will tell why
    return store.get(plan.spec, plan.key) is not None


def _run_here(
    cells: Sequence[CellSpec], shared: Shared, on_step: OnStep
) -> Iterator[tuple[CellSpec, str | None]]:
    for cell in cells:
        try:
            run_cell(cell, shared.store, shared, partial(on_step, cell))
        except IllusionError as error:
            yield cell, str(error)
        else:
            yield cell, None


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
