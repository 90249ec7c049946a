"""SparseGPT: weights go column by column, and those still to come make up for the loss.

Frantar and Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot"
(arXiv 2301.00774), algorithm 1. With H the Gram matrix of the inputs and U the upper triangular
factor of its inverse (H^-1 = U^T U), zeroing w_ij costs w_ij^2 / U_jj^2, and the rest of the row
moves by -(w_ij / U_jj) U_j.
"""

from __future__ import annotations

import torch

from illusion_lib.errors import PruneError
from illusion_lib.pruning.layer import Pruned
from illusion_lib.pruning.patterns import lowest_per_group, lowest_per_matrix, with_zeros_first
from illusion_lib.pruning.statistics import InputStatistics
from illusion_lib.specs import PruneSpec, parse_pattern

_INNER = 32  # columns whose updates are applied at once to the rest of the block
_MOST_DAMPING = 10.0


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
    columns = weight.T.contiguous().clone()  # (in, out): a column of W is contiguous here
    kept_zeros = columns == 0
    for start in range(0, len(columns), spec.block_size):
        end = min(start + spec.block_size, len(columns))
        slab = _Slab(columns[start:end], factor[start:end, start:end], kept_zeros[start:end])
        errors = slab.prune(costs[start:end], spec.sparsity, group)  # (block, out)
        columns[end:].addmm_(factor[start:end, end:].T, errors, alpha=-1)
    if not columns.isfinite().all():
        raise PruneError("its updated weights are not finite; use more or other calibration text")
    return Pruned(columns.T.contiguous(), damping=damping)


class _Slab:
    """The columns pruned together: `weights` (block, out) are changed in place."""

    def __init__(self, weights: torch.Tensor, factor: torch.Tensor, zeros: torch.Tensor) -> None:
        self.weights = weights
        self.zeros = zeros  # (block, out), of the unpruned weights
        self.diagonal = factor.diagonal()[:, None]  # (block, 1)
        self.steps = factor / self.diagonal  # rows U_j / U_jj
        self.lost = torch.zeros_like(weights)  # each weight as it was when it was zeroed, else 0
        # The loop over columns runs a hundred thousand times: views are made beforehand, and
        # addcmul_ and narrow cost a third of addr_ and slices on vectors this short.
        self.weight_columns = self.weights.unbind()
        self.lost_columns = self.lost.unbind()
        self.step_columns = self.steps[:, :, None].unbind()  # (block, 1) each

    def prune(
        self, costs: torch.Tensor, sparsity: float, group: tuple[int, int] | None
    ) -> torch.Tensor:
        """Prune every column and return the errors (block, out) that later slabs make up for."""
        mask = None if group else self._mask(slice(None), costs, sparsity=sparsity)
        width = group[1] * max(1, _INNER // group[1]) if group else _INNER
        for start in range(0, len(self.weights), width):
            end = min(start + width, len(self.weights))
            for first in range(start, end, group[1] if group else width):
                here = slice(first, first + group[1] if group else end)
                chosen = self._mask(here, costs, group=group) if mask is None else mask[here]
                self._columns(here, end, chosen)
            rest = self.steps[start:end, end:]
            self.weights[end:].addmm_(rest.T, self.lost[start:end], alpha=-1)
        return self.lost / self.diagonal

    def _mask(
        self,
        here: slice,
        costs: torch.Tensor,
        sparsity: float = 0.0,
        group: tuple[int, int] | None = None,
    ) -> torch.Tensor:
        """Return which of the columns `here` go, (columns, out)."""
        zeros = self.zeros[here]
        scores = self.weights[here].square() * costs[here, None]
        scores = with_zeros_first(scores, ~zeros).T  # (out, columns), ties in row-major order
        chosen = lowest_per_group(scores, *group) if group else lowest_per_matrix(scores, sparsity)
        return chosen.T.contiguous() | zeros

    def _columns(self, here: slice, end: int, mask: torch.Tensor) -> None:
        """Zero the masked weights column by column, updating the columns up to `end`."""
        gone = mask.to(self.weights.dtype).unbind()
        for j in range(here.start, here.stop):
            lost = self.lost_columns[j]  # (out,)
            torch.mul(self.weight_columns[j], gone[j - here.start], out=lost)
            if rest := end - j - 1:
                step = self.step_columns[j].narrow(0, j + 1, rest)  # (rest, 1)
                self.weights.narrow(0, j + 1, rest).addcmul_(step, lost, value=-1)
        self.weights[here].masked_fill_(mask, 0)


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
        gram = inputs.gram.clone()
        gram.diagonal()[dead] = mean
        gram.diagonal().add_(damping * mean)
        # H = R R^T with R upper triangular is a Cholesky factor seen from the last column, and
        # U = R^-1: one factorisation, where inverting H first would take two.
        lower, failed = torch.linalg.cholesky_ex(gram.flip(0, 1))
        if not failed:
            upper = lower.flip(0, 1)
            unit = torch.eye(len(upper), dtype=upper.dtype, device=upper.device)
            factor = torch.linalg.solve_triangular(upper, unit, upper=True)
            if factor.isfinite().all():
                return factor, damping
        damping *= 10
    raise PruneError(
        "the Gram matrix of the inputs is not positive definite, not even with "
        f"{_MOST_DAMPING:g} times its mean diagonal added; use more or other calibration text"
    )
