"""Random pruning, the control: what is lost when zeros fall anywhere."""

from __future__ import annotations

import hashlib

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_row, prune_lowest
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec


def prune_layer(weight: torch.Tensor, inputs: InputStatistics | None, spec: PruneSpec) -> Pruned:
    """Zero weights drawn at random in every row, or in every n:m group.

    The draw is seeded by the weights themselves: it is reproducible, and every layer has its own.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Not read.
    spec
        Sparsity or pattern.
    """
    content = weight.contiguous().cpu().numpy().tobytes()
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "big", signed=True)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(weight.shape, generator=generator).to(weight.device)
    return Pruned(prune_lowest(weight, scores, spec, lowest_per_row))
