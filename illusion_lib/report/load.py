"""What a page is about: a cell beside its dense baseline, all cells of a model, or a whole study.

Each function takes what is finished from the store and computes what is missing, so that a
notebook opened by itself shows the same as one that a report executes. Over many cells it refuses
to where the store holds the same cells from other settings: nobody who opens a page over a finished
study expects it to sweep once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from illusion_lib.errors import SpecError, StoreError
from illusion_lib.pruning.registry import DENSE
from illusion_lib.runs import Store, StudyResult, cell_for, find_study, run_cell, run_study
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.plan import Planner
from illusion_lib.runs.sweep import STUDY_FILE
from illusion_lib.specs import StudySpec


def load_cell(
    study: str,
    store: str | None,
    model: str,
    method: str,
    sparsity: float = 0.0,
    pattern: str | None = None,
    calibration_seed: int | None = None,
) -> StudyResult:
    """Return one cell and, before it, the dense cell that it is compared with.

    Parameters
    ----------
    study
        Name of a shipped study or path of a study file: which questions, which probes.
    store
        Folder of finished cells; ``runs/<study>`` if None.
    model, method, sparsity, pattern, calibration_seed
        The cell, as for `illusion_lib.runs.cell_for`.
    """
    spec = find_study(study)
    cell = cell_for(spec, model, method, sparsity, pattern, calibration_seed)
    cells = _store(spec, store)
    wanted = (cell.dense,) if cell.prune.method == DENSE else (cell.dense, cell)
    return StudyResult(spec, tuple(run_cell(one, cells) for one in wanted))


def load_model_cells(study: str, store: str | None, model: str) -> StudyResult:
    """Return all cells of one model of a study.

    Raises
    ------
    SpecError
        A cell could not be run.
    StoreError
        The store holds a cell of this study from other settings, which would be computed anew.
    """
    spec = find_study(study)
    cells = _store(spec, store)
    _refuse_misfit(study, cells, [model])
    return _complete(run_study(spec, cells, [model]))


def load_all(study: str, store: str | None) -> StudyResult:
    """Return all cells of a study.

    Raises
    ------
    SpecError
        A cell could not be run.
    StoreError
        The store holds a cell of this study from other settings, which would be computed anew.
    """
    spec = find_study(study)
    cells = _store(spec, store)
    _refuse_misfit(study, cells)
    return _complete(run_study(spec, cells))


def _store(study: StudySpec, folder: str | None) -> Store:
    return Store(Path("runs") / study.name if folder is None else Path(folder))


def _refuse_misfit(study: str, store: Store, models: Sequence[str] | None = None) -> None:
    """Refuse to sweep anew what the store holds already, but from other settings."""
    planner = Planner()
    for cell in find_study(study).cells():
        if models is not None and cell.model.name not in models:
            continue
        plan = planner.plan(cell)
        folder = store.cell_folder(plan.spec, plan.key)
        front, _, key = folder.name.rpartition("-")
        held = folder.parent.glob(f"{front}-{'[0-9a-f]' * len(key)}")
        if not store.has(plan.spec, plan.key) and any((old / MANIFEST).is_file() for old in held):
            own = store.root / STUDY_FILE
            name = "" if Path(study) == own else f"; or name the study they are of: {own}"
            raise StoreError(
                f"{store.root} holds {cell.slug} of {cell.model.slug} from other settings than "
                f"study {study} has, so that this page would compute its cells anew. Compute them "
                f"first: illusion sweep {study} --out {store.root}{name}"
            )


def _complete(result: StudyResult) -> StudyResult:
    for cell, reason in result.failures:
        raise SpecError(f"cell {cell.slug} of {cell.model.slug} could not be run: {reason}")
    return result
