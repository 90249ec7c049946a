"""Magnitude pruning: the smallest weights of each layer go, whatever their inputs.

Han et al., "Learning both Weights and Connections for Efficient Neural Networks"
(arXiv 1506.02626); one threshold a layer, as in the published comparisons with Wanda.
"""

from __future__ import annotations

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_matrix, prune_lowest
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec


def prune_layer(weight: torch.Tensor, inputs: InputStatistics | None, spec: PruneSpec) -> Pruned:
    """Zero the weights of least absolute value in the matrix, or in every n:m group.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Not read.
    spec
        Sparsity or pattern.
    """
    return Pruned(prune_lowest(weight, weight.abs(), spec, lowest_per_matrix))
