"""The report's figures: each function turns computed tables into an `Exhibit`."""

from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.figures.accuracy import accuracy, accuracy_by_language
from illusion_lib.report.figures.anchors import (
    agreement,
    anchor_error,
    anchor_stability,
    item_map,
    paired_errors,
)
from illusion_lib.report.figures.budget import budget_curves
from illusion_lib.report.figures.flow import flow
from illusion_lib.report.figures.forest import gap_by_language, gap_forest
from illusion_lib.report.figures.ranks import rank_distribution
from illusion_lib.report.figures.recovery import recovery, recovery_by_cell
from illusion_lib.report.figures.strip import heat_strip
from illusion_lib.report.figures.zoo import token_saving, variant_plane

__all__ = [
    "Exhibit",
    "accuracy",
    "accuracy_by_language",
    "agreement",
    "anchor_error",
    "anchor_stability",
    "budget_curves",
    "flow",
    "gap_by_language",
    "gap_forest",
    "heat_strip",
    "item_map",
    "paired_errors",
    "rank_distribution",
    "recovery",
    "recovery_by_cell",
    "token_saving",
    "variant_plane",
]
