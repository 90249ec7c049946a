"""SparseGPT: weights go column by column, and those still to come make up for the loss.

Frantar and Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot"
(arXiv 2301.00774), algorithm 1. With H the Gram matrix of the inputs and U the upper triangular
factor of its inverse (H^-1 = U^T U), zeroing w_ij costs w_ij^2 / U_jj^2, and the rest of the row
moves by -(w_ij / U_jj) U_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from illusion_lib.errors import PruneError
from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import (
    lowest_per_group,
    lowest_per_matrix,
    with_zeros_first,
    zeros_of,
)
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec, parse_pattern

_INNER = 32  # columns whose updates are applied at once to the rest of the block
_MOST_DAMPING = 10.0
_INVERTED_AT_ONCE = 128  # rows


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
    factor, damping = inverse_factor(inputs, spec.damping)
    group = parse_pattern(spec.pattern) if spec.pattern else None
    if group and spec.block_size % group[1]:
        raise PruneError(
            f"pattern {spec.pattern} does not divide a block of {spec.block_size} columns; "
            f"choose a block_size that is a multiple of {group[1]}"
        )
    alive = inputs.squared_norms > 0  # (in,)
    costs = torch.where(alive, factor.diagonal().square().reciprocal(), 0)  # (in,)
    columns = weight.T.clone(memory_format=torch.contiguous_format)  # (in, out)
    zeros = zeros_of(columns)
    for start in range(0, len(columns), spec.block_size):
        here = slice(start, start + spec.block_size)
        rows = factor[here, start:]  # (block, columns from here on)
        steps = rows / rows.diagonal()[:, None]  # U_j / U_jj: how far later columns move
        slab = _Slab(
            columns[here],
            None if zeros is None else zeros[here],
            costs[here],
            steps[:, : len(rows)],
        )
        lost = slab.prune(spec.sparsity, group)  # (block, out)
        columns[here.stop :].addmm_(steps[:, len(rows) :].T, lost, alpha=-1)
    # One pass over the weights, where isfinite() takes three.
    if not torch.stack(columns.aminmax()).isfinite().all():
        raise PruneError("its updated weights are not finite; use more or other calibration text")
    return Pruned(columns.T, damping=damping)


@dataclass(slots=True)
class _Slab:
    """The columns pruned together.

    Attributes
    ----------
    weights
        (block, out), changed in place: a column of the matrix is a row here, and contiguous.
    zeros
        (block, out): the weights that were zero before anything moved; None: none was.
    costs
        1 / U_jj^2, (block,).
    steps
        U_j / U_jj, (block, block).
    """

    weights: torch.Tensor
    zeros: torch.Tensor | None
    costs: torch.Tensor
    steps: torch.Tensor

    def prune(self, sparsity: float, group: tuple[int, int] | None) -> torch.Tensor:
        """Prune every column; return what each lost weight was when it went, else 0."""
        takes = self.steps.triu(1).T.contiguous()  # row j: what column j takes over
        lost = torch.zeros_like(self.weights)  # (block, out)
        mask = None if group else self._mask(slice(None), sparsity=sparsity)
        width = group[1] if group else _INNER
        for start in range(0, len(lost), width):
            here, rest = slice(start, start + width), slice(start + width, None)
            chosen = self._mask(here, group=group) if mask is None else mask[here]
            _lose(self.weights[here], chosen, takes[here, here], lost[here])
            self.weights[rest].addmm_(takes[rest, here], lost[here], alpha=-1)
        return lost

    def _mask(
        self, here: slice, sparsity: float = 0.0, group: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Return which of the columns `here` go, (columns, out)."""
        zeros = None if self.zeros is None else self.zeros[here]
        scores = self.weights[here].square().mul_(self.costs[here, None])
        scores = with_zeros_first(scores, zeros).T  # (out, columns): ties in row-major order
        chosen = lowest_per_group(scores, *group) if group else lowest_per_matrix(scores, sparsity)
        return chosen.T if zeros is None else chosen.T | zeros


def _lose(
    weights: torch.Tensor, mask: torch.Tensor, takes: torch.Tensor, lost: torch.Tensor
) -> None:
    """Zero the weights of `mask` column by column; keep in `lost` what they were by then.

    All are (columns, out) but `takes`, (columns, columns): row j holds how much column j takes
    over from those before it. The loop runs for every column of a model, and on vectors this short
    numpy's calls take a third of the time of torch's.
    """
    parts: Any = (weights, mask.to(weights.dtype), takes, lost)
    if weights.device.type == "cpu":
        parts = [part.numpy() for part in parts]
    values, goes, takes, gone = parts
    for j in range(len(gone)):
        current = values[j] - takes[j] @ gone
        gone[j] = current * goes[j]
        values[j] = current - gone[j]  # zero where it goes


def inverse_factor(inputs: InputStatistics, damping: float) -> tuple[torch.Tensor, float]:
    """Return upper triangular U with (H + damping * mean(diag H) I)^-1 = U^T U.

    Layers that share their input share the factor: it is kept with the statistics.

    Returns
    -------
    factor : torch.Tensor
        float32, (in, in).
    damping : float
        What was needed: ten times more for each failed factorisation.

    Raises
    ------
    PruneError
        No damping up to ten times the mean diagonal helps.
    """
    if damping not in inputs.factors:
        inputs.factors[damping] = _factor(inputs, damping)
    return inputs.factors[damping]


def _factor(inputs: InputStatistics, damping: float) -> tuple[torch.Tensor, float]:
    if inputs.gram is None:
        raise PruneError("SparseGPT needs Gram matrices; collect the statistics with need='gram'")
    diagonal = inputs.gram.diagonal()
    dead = diagonal == 0
    mean = diagonal[~dead].mean()
    while damping <= _MOST_DAMPING:
        # H = R R^T with R upper triangular is a Cholesky factor seen from the last column, and
        # U = R^-1: one factorisation, where inverting H first would take two. Only the lower
        # triangle of what is factored is read, which is the upper one of the Gram matrix.
        flipped = inputs.gram.flip(0, 1)
        flipped.diagonal()[dead.flip(0)] = mean
        flipped.diagonal().add_(damping * mean)
        lower, failed = torch.linalg.cholesky_ex(flipped)
        if not failed:
            factor = _inverse(lower.flip(0, 1))
            if torch.stack(factor.aminmax()).isfinite().all():
                return factor, damping
        damping *= 10
    raise PruneError(
        "the Gram matrix of the inputs is not positive definite, not even with "
        f"{_MOST_DAMPING:g} times its mean diagonal added; use more or other calibration text"
    )


def _inverse(upper: torch.Tensor) -> torch.Tensor:
    """Return the inverse of an upper triangular matrix, by halves: products are fast."""
    size = len(upper)
    if size <= _INVERTED_AT_ONCE:
        unit = torch.eye(size, dtype=upper.dtype, device=upper.device)
        small: torch.Tensor = torch.linalg.solve_triangular(upper, unit, upper=True)
        return small
    half = size // 2
    inverse = torch.zeros_like(upper)
    first = inverse[:half, :half] = _inverse(upper[:half, :half])
    last = inverse[half:, half:] = _inverse(upper[half:, half:])
    inverse[:half, half:] = (first @ upper[:half, half:] @ last).neg_()
    return inverse
