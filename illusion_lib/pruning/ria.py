"""RIA: a weight counts by its share of its row and its column, times the root of its input's norm.

Zhang et al., "Plug-and-Play: An Efficient Post-training Pruning Method for Large Language Models"
(ICLR 2024): relative importance and activations. Weights are compared within an output row, as
for Wanda, so that the two differ by the score alone (our choice).
"""

from __future__ import annotations

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_row, prune_lowest
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec

_POWER = 0.5  # of the input norm


def prune_layer(weight: torch.Tensor, inputs: InputStatistics, spec: PruneSpec) -> Pruned:
    """Zero the weights of least relative importance in every row, or in every n:m group.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Squared norms of the layer's inputs; a common factor does not matter.
    spec
        Sparsity or pattern.
    """
    size = weight.abs()
    rows = size.sum(dim=1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)  # (out, 1)
    columns = size.sum(dim=0).clamp_min(torch.finfo(size.dtype).tiny)  # (in,)
    norms = inputs.squared_norms.sqrt().pow(_POWER).to(weight.dtype)  # (in,)
    scores = (size / rows + size / columns) * norms  # (out, in)
    return Pruned(prune_lowest(weight, scores, spec, lowest_per_row))
