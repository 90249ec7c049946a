"""Wanda: the weights that contribute least to each output on real inputs go; none is changed.

Sun et al., "A Simple and Effective Pruning Approach for Large Language Models"
(arXiv 2306.11695), equation 1: the score of a weight is its absolute value times the norm of its
input; weights are compared within an output row.
"""

from __future__ import annotations

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_row, prune_lowest
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec


def prune_layer(weight: torch.Tensor, inputs: InputStatistics, spec: PruneSpec) -> Pruned:
    """Zero the weights of least ``|W_ij| * ||X_j||`` in every row, or in every n:m group.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Squared norms of the layer's inputs; a common factor does not matter.
    spec
        Sparsity or pattern. The published code calls n the number of zeros; here it is the number
        of weights kept.
    """
    norms = inputs.squared_norms.sqrt().to(weight.dtype)  # (in,)
    return Pruned(prune_lowest(weight, weight.abs().mul_(norms), spec, lowest_per_row))
