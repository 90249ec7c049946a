"""Round-to-nearest quantisation: each weight takes the nearest of a few evenly spaced values.

Symmetric, one scale for every 128 consecutive inputs of a row (the last group may be shorter); the
weights are stored dequantised, so that any code can run them. Zeros stay zeros.
"""

from __future__ import annotations

import torch

from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec

_GROUP = 128
_BITS = {"rtn_int8": 8, "rtn_int4": 4}


def prune_layer(weight: torch.Tensor, inputs: InputStatistics | None, spec: PruneSpec) -> Pruned:
    """Round the weights to signed integers of the method's width, times a scale per group.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        Not read.
    spec
        Names the width: ``rtn_int8`` or ``rtn_int4``.
    """
    levels = 2 ** (_BITS[spec.method] - 1) - 1
    groups = [_rounded(group, levels) for group in torch.split(weight, _GROUP, dim=1)]
    return Pruned(torch.cat(groups, dim=1))


def _rounded(group: torch.Tensor, levels: int) -> torch.Tensor:
    scale = group.abs().amax(dim=1, keepdim=True) / levels  # (out, 1)
    steps = torch.where(scale > 0, group / scale, 0)
    return steps.round() * scale
