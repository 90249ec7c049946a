"""illusion_lib: find out what a compressed language model can still do."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from illusion_lib import anchors, divergence
    from illusion_lib.items import Item, load_items
    from illusion_lib.models import Model, load_model
    from illusion_lib.probes import probe
    from illusion_lib.pruning import calibrate, prune
    from illusion_lib.runs import load_study, run_cell, run_study
    from illusion_lib.specs import (
        CalibrationSpec,
        CellSpec,
        ModelSpec,
        ProbeSpec,
        PruneSpec,
        StudySpec,
        TaskSpec,
    )

__version__ = version("illusion-lib")

# Names are resolved on first use, so that `divergence` and `anchors` never import torch.
_HOME = {
    "Item": "items",
    "load_items": "items",
    "Model": "models",
    "load_model": "models",
    "probe": "probes",
    "calibrate": "pruning",
    "prune": "pruning",
    "load_study": "runs",
    "run_cell": "runs",
    "run_study": "runs",
    "CalibrationSpec": "specs",
    "CellSpec": "specs",
    "ModelSpec": "specs",
    "ProbeSpec": "specs",
    "PruneSpec": "specs",
    "StudySpec": "specs",
    "TaskSpec": "specs",
}
__all__ = [
    "CalibrationSpec",
    "CellSpec",
    "Item",
    "Model",
    "ModelSpec",
    "ProbeSpec",
    "PruneSpec",
    "StudySpec",
    "TaskSpec",
    "anchors",
    "calibrate",
    "divergence",
    "load_items",
    "load_model",
    "load_study",
    "probe",
    "prune",
    "run_cell",
    "run_study",
]


def __getattr__(name: str) -> Any:
    if name in ("anchors", "divergence"):
        return import_module(f"illusion_lib.{name}")
    if name in _HOME:
        return getattr(import_module(f"illusion_lib.{_HOME[name]}"), name)
    raise AttributeError(f"module 'illusion_lib' has no attribute {name!r}")
