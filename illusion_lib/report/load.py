"""What a page is about: a cell beside its dense baseline, all cells of a model, or a whole study.

Each function takes what is finished from the store and computes what is missing, so that a
notebook opened by itself shows the same as one that a report executes.
"""

from __future__ import annotations

from pathlib import Path

from illusion_lib.errors import SpecError
from illusion_lib.pruning.registry import DENSE
from illusion_lib.runs import Store, StudyResult, cell_for, find_study, run_cell, run_study
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
    """
    spec = find_study(study)
    return _complete(run_study(spec, _store(spec, store), [model]))


def load_all(study: str, store: str | None) -> StudyResult:
    """Return all cells of a study.

    Raises
    ------
    SpecError
        A cell could not be run.
    """
    spec = find_study(study)
    return _complete(run_study(spec, _store(spec, store)))


def _store(study: StudySpec, folder: str | None) -> Store:
    return Store(Path("runs") / study.name if folder is None else Path(folder))


def _complete(result: StudyResult) -> StudyResult:
    for cell, reason in result.failures:
        raise SpecError(f"cell {cell.slug} of {cell.model.slug} could not be run: {reason}")
    return result
