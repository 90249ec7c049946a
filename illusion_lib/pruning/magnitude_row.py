"""Magnitude pruning with the same number of zeros in every output row."""

from __future__ import annotations

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_row, prune_lowest
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec


def prune_layer(weight: torch.Tensor, inputs: InputStatistics | None, spec: PruneSpec) -> Pruned:
    """Zero the weights of least absolute value in every row, or in every n:m group.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Not read.
    spec
        Sparsity or pattern.
    """
    return Pruned(prune_lowest(weight, weight.abs(), spec, lowest_per_row))
