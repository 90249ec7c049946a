"""Run cells and studies, and keep what they find."""

from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.manifest import Manifest
from illusion_lib.runs.plan import plan_cell
from illusion_lib.runs.result import CellResult
from illusion_lib.runs.shared import Shared
from illusion_lib.runs.store import Store
from illusion_lib.runs.studies import cell_for, find_study, shipped_studies
from illusion_lib.runs.sweep import StudyResult, load_study, run_study

__all__ = [
    "CellResult",
    "Manifest",
    "Shared",
    "Store",
    "StudyResult",
    "cell_for",
    "find_study",
    "load_study",
    "plan_cell",
    "run_cell",
    "run_study",
    "shipped_studies",
]
