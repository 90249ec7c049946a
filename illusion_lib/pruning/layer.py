"""What a pruning method gives back for one layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Pruned:
    """The new weights of a layer and what had to be done to get them.

    Attributes
    ----------
    weight
        float32, (out, in); a new tensor, in any order of memory.
    damping
        SparseGPT: the share of the mean diagonal that was added in the end.
    note
        What a reader must know of this layer; may be empty.
    """

    weight: torch.Tensor
    damping: float | None = None
    note: str = ""
