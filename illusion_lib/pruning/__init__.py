"""Prune the Linear layers of a causal language model's decoder, block by block, in place."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from illusion_lib.pruning.calibration import calibrate
    from illusion_lib.pruning.engine import prune
    from illusion_lib.pruning.gathering import collect
    from illusion_lib.pruning.report import LayerReport, PruneReport
    from illusion_lib.pruning.statistics import Statistics
    from illusion_lib.pruning.text_quality import Perplexity, perplexity, text_windows

__all__ = [
    "LayerReport",
    "Perplexity",
    "PruneReport",
    "Statistics",
    "calibrate",
    "collect",
    "perplexity",
    "prune",
    "text_windows",
]

# Resolved on first use: specs read the registry, which must import without torch.
_HOME = {
    "LayerReport": "report",
    "PruneReport": "report",
    "Perplexity": "text_quality",
    "Statistics": "statistics",
    "calibrate": "calibration",
    "collect": "gathering",
    "perplexity": "text_quality",
    "prune": "engine",
    "text_windows": "text_quality",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"illusion_lib.pruning.{_HOME[name]}"), name)
    raise AttributeError(f"module 'illusion_lib.pruning' has no attribute {name!r}")
