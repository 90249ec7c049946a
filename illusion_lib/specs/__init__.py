"""What is to be run, as frozen values: model, pruning, calibration, items, probes, cell, study."""

from illusion_lib.specs.build import build
from illusion_lib.specs.calibration import CalibrationSpec
from illusion_lib.specs.cell import CellSpec
from illusion_lib.specs.model import DType, ModelSpec
from illusion_lib.specs.probe import ProbeSpec, PromptStyle
from illusion_lib.specs.prune import PruneSpec, Statistics, parse_pattern
from illusion_lib.specs.study import StudySpec
from illusion_lib.specs.task import TaskSpec

__all__ = [
    "CalibrationSpec",
    "CellSpec",
    "DType",
    "ModelSpec",
    "ProbeSpec",
    "PromptStyle",
    "PruneSpec",
    "Statistics",
    "StudySpec",
    "TaskSpec",
    "build",
    "parse_pattern",
]
