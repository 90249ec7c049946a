"""Row-scaled magnitude: a weight counts by its size relative to the others of its output."""

from __future__ import annotations

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_matrix, prune_lowest
from illusion_lib.pruning.registry import Method
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec

# The line for `pruning/registry.py`: label, module, and which statistics of the inputs it needs.
METHOD = Method("row-scaled magnitude", "row_scaled", "nothing")


def prune_layer(weight: torch.Tensor, inputs: InputStatistics | None, spec: PruneSpec) -> Pruned:
    """Zero the weights that are smallest beside the mean size of their row.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Not read.
    spec
        Sparsity or pattern.
    """
    sizes = weight.abs()  # (out, in)
    scale = sizes.mean(dim=1, keepdim=True).clamp_min(1e-12)  # (out, 1)
    return Pruned(prune_lowest(weight, sizes / scale, spec, lowest_per_matrix))
