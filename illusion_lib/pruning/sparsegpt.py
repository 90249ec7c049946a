"""SparseGPT: weights go column by column, and those still to come make up for the loss.

Frantar and Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot"
(arXiv 2301.00774), algorithm 1. Here a column takes over what those before it lost when its turn
comes, for many columns in one product, instead of once for each lost column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from illusion_lib.errors import PruneError
from illusion_lib.pruning.compensation import Compensation
from illusion_lib.pruning.elementwise import numbers
from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import (
    lowest_per_group,
    lowest_per_matrix,
    with_zeros_first,
    zeros_of,
)
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec, parse_pattern

_Float32s = NDArray[np.float32]

_INNER = 48  # columns that go one by one, between two products
_STRIP = 128  # rows turned into columns at a time: more do not fit a processor's caches


def prune_layer(weight: torch.Tensor, inputs: InputStatistics, spec: PruneSpec) -> Pruned:
    """Prune a matrix and update the weights that stay.

    Parameters
    ----------
    weight
        float32, (out, in).
    inputs
        With the Gram matrix of the layer's inputs; a common factor does not matter.
    spec
        Sparsity or pattern, block size and damping. Unstructured: the lowest scores of each slab of
        `block_size` columns over all rows; n:m: of each group, with the weights as updated so far.

    Notes
    -----
    Zeros already there stay and count towards the target. Inputs that were always zero cost
    nothing, so their weights go first; beyond the target they stay, where the published code
    empties the whole column.

    Raises
    ------
    PruneError
        The Gram matrix cannot be factored even with strong damping.
    """
    group = parse_pattern(spec.pattern) if spec.pattern else None
    if group and spec.block_size % group[1]:
        raise PruneError(
            f"pattern {spec.pattern} does not divide a block of {spec.block_size} columns; "
            f"choose a block_size that is a multiple of {group[1]}"
        )
    compensation = inputs.compensation(spec.damping)
    columns = _Columns.of(weight, compensation)
    for slab in _parts(slice(0, weight.shape[1]), spec.block_size):
        columns.take_over(slab, since=0)
        mask = None if group else columns.lowest(slab, sparsity=spec.sparsity)  # (slab, out)
        for here in _parts(slab, group[1] if group else _INNER):
            columns.take_over(here, since=slab.start)
            if mask is None:
                columns.lose(here, columns.lowest(here, group=group))
            else:
                columns.lose(here, mask[here.start - slab.start : here.stop - slab.start])
    pruned = columns.weights.sub_(columns.lost)  # exactly zero where a weight was lost
    # One pass over the weights, where isfinite() takes three.
    if not torch.stack(pruned.aminmax()).isfinite().all():
        raise PruneError("its updated weights are not finite; use more or other calibration text")
    return Pruned(_turned(pruned), damping=compensation.damping)


def _parts(whole: slice, width: int) -> list[slice]:
    """Cut a range of columns into parts of `width`; the last may be narrower."""
    starts = range(whole.start, whole.stop, width)
    return [slice(start, min(start + width, whole.stop)) for start in starts]


def _turned(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix's transpose as a tensor of its own, contiguous."""
    turned = matrix.new_empty(matrix.T.shape)
    for rows in _parts(slice(0, len(matrix)), _STRIP):
        turned[:, rows] = matrix[rows].T
    return turned


@dataclass(slots=True)
class _Columns:
    """A matrix while its columns go; a column of it is a row here, and contiguous.

    Attributes
    ----------
    weights
        (in, out), changed in place; a lost weight keeps its last value until the end.
    lost
        (in, out): that value where a weight was lost, else 0; filled in as the columns go.
    zeros
        (in, out): the weights that were zero before anything moved; None: none was.
    compensation
        What a loss costs and who takes it over.
    """

    weights: torch.Tensor
    lost: torch.Tensor
    zeros: torch.Tensor | None
    compensation: Compensation

    @classmethod
    def of(cls, weight: torch.Tensor, compensation: Compensation) -> _Columns:
        """Return the columns of a matrix (out, in)."""
        weights = _turned(weight)  # (in, out)
        return cls(weights, torch.empty_like(weights), zeros_of(weights), compensation)

    def take_over(self, here: slice, since: int) -> None:
        """Let columns `here` make up for what those from `since` up to them lost."""
        before = slice(since, here.start)
        self.weights[here].addmm_(self.compensation.shares[before, here].T, self.lost[before])

    def lowest(
        self, here: slice, sparsity: float = 0.0, group: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Return which weights of the columns `here` cost least, bool (columns, out)."""
        zeros = None if self.zeros is None else self.zeros[here]
        scores = self.weights[here].square().mul_(self.compensation.costs[here, None])
        scores = with_zeros_first(scores, zeros).T  # (out, columns): ties in row-major order
        chosen = lowest_per_group(scores, *group) if group else lowest_per_matrix(scores, sparsity)
        return chosen.T if zeros is None else chosen.T | zeros

    def lose(self, here: slice, mask: torch.Tensor) -> None:
        """Lose the weights of `mask` (columns, out), a column after the other."""
        takes = self.compensation.shares[here, here].T.contiguous()  # (columns, columns)
        parts = self.weights[here], numbers(mask), self.lost[here], takes
        if mask.device.type == "cpu":
            _lose_in_turn(*(part.numpy() for part in parts))
        else:
            _lose_on_device(*parts)


def _lose_in_turn(values: _Float32s, goes: _Float32s, lost: _Float32s, takes: _Float32s) -> None:
    """Fill in `lost` and change `values`, both (columns, out).

    The loop runs for every column of a model, and on vectors this short numpy's calls take a third
    of the time of torch's, less yet where they need no new memory.
    """
    taken = np.empty_like(values[0])
    for j, (value, going, gone, share) in enumerate(zip(values, goes, lost, takes, strict=True)):
        np.dot(share[:j], lost[:j], out=taken)
        value += taken
        np.multiply(value, going, out=gone)


def _lose_on_device(
    values: torch.Tensor, goes: torch.Tensor, lost: torch.Tensor, takes: torch.Tensor
) -> None:
    """Do the same with tensors."""
    for j in range(len(lost)):
        values[j] += takes[j, :j] @ lost[:j]
        lost[j] = values[j] * goes[j]
