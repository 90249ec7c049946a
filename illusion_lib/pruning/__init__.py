"""Prune the Linear layers of a causal language model's decoder, block by block, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from illusion_lib.pruning.calibration import calibrate
    from illusion_lib.pruning.engine import LayerReport, PruneReport, prune

__all__ = ["LayerReport", "PruneReport", "calibrate", "prune"]


def __getattr__(name: str) -> Any:
    # The registry is read by specs without torch; everything else needs it.
    from illusion_lib.pruning import calibration, engine

    for module in (engine, calibration):
        if name in __all__ and hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"module 'illusion_lib.pruning' has no attribute {name!r}")
