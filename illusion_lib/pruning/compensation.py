"""How do the inputs of a layer stand in for one another? From their Gram matrix, for SparseGPT.

With H the damped Gram matrix and U the upper triangular root of its inverse (H^-1 = U^T U), zeroing
weight w_ij costs w_ij^2 / U_jj^2, and every later column k of that row takes over by
-w_ij U_jk / U_jj (Frantar and Alistarh, arXiv 2301.00774, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from illusion_lib.errors import PruneError
from illusion_lib.products import product

_MOST_DAMPING = 10.0
_FACTORED_AT_ONCE = 192  # rows


@dataclass(frozen=True, slots=True)
class Compensation:
    """What a lost weight costs, and how the columns after it make up for it.

    Attributes
    ----------
    shares
        -U_ij / U_ii, (in, in), strictly upper triangular: row i is what later columns take over of
        a weight that column i lost.
    costs
        1 / U_jj^2, (in,): of a unit weight; 0 where the input was always zero.
    damping
        The share of the mean diagonal that had to be added: ten times more for each failed
        factorisation.
    """

    shares: torch.Tensor
    costs: torch.Tensor
    damping: float


def compensate(gram: torch.Tensor, damping: float) -> Compensation:
    """Return the compensation that follows from a Gram matrix.

    Parameters
    ----------
    gram
        float32, (in, in), of which only the upper triangle is read.
    damping
        Share of its mean diagonal that is added to the diagonal.

    Raises
    ------
    PruneError
        The matrix cannot be factored, not even with ten times its mean diagonal added.
    """
    diagonal = gram.diagonal()  # (in,)
    dead = diagonal == 0
    mean = diagonal[~dead].mean()
    while damping <= _MOST_DAMPING:
        root = inverse_root(gram, torch.where(dead, mean, 0) + damping * mean)
        if root is not None:
            pivots = root.diagonal().clone()  # (in,)
            costs = torch.where(dead, 0, pivots.square().reciprocal())
            root.div_(-pivots[:, None]).diagonal().zero_()
            return Compensation(root, costs, damping)
        damping *= 10
    raise PruneError(
        "the Gram matrix of the inputs is not positive definite, not even with "
        f"{_MOST_DAMPING:g} times its mean diagonal added; use more or other calibration text"
    )


def inverse_root(matrix: torch.Tensor, added: torch.Tensor) -> torch.Tensor | None:
    """Return upper triangular U with (matrix + diag(added))^-1 = U^T U.

    Parameters
    ----------
    matrix
        Symmetric, (n, n), of which only the upper triangle is read.
    added
        To the diagonal, (n,).

    Returns
    -------
    torch.Tensor or None
        (n, n); None: the sum is not positive definite.
    """
    root = torch.zeros_like(matrix)
    return root if _fill_root(root, matrix, added) else None


def _fill_root(root: torch.Tensor, matrix: torch.Tensor, added: torch.Tensor) -> bool:
    """Write the root into `root`, or return False.

    By halves, because products are fast where triangular solvers are not. With A, B and C the upper
    blocks of the matrix, U_C the root for C and S = B U_C^T: the first block of U is the root U_A
    for A - S S^T, the last is U_C, and between them lies -U_A S U_C.
    """
    size = len(matrix)
    if size <= _FACTORED_AT_ONCE:
        return _fill_small_root(root, matrix, added)
    first, last = slice(size // 2), slice(size // 2, size)
    if not _fill_root(root[last, last], matrix[last, last], added[last]):
        return False
    coupling = product(matrix[first, last], root[last, last])  # S, (first, last)
    rest = matrix[first, first] - product(coupling, coupling)
    if not _fill_root(root[first, first], rest, added[first]):
        return False
    between = product(root[last, last].T, coupling)  # (last, first)
    root[first, last] = product(root[first, first], between).neg_()
    return True


def _fill_small_root(root: torch.Tensor, matrix: torch.Tensor, added: torch.Tensor) -> bool:
    # The sum is R R^T with R upper triangular: a Cholesky factor seen from the last column.
    flipped = matrix.flip(0, 1)
    flipped.diagonal().add_(added.flip(0))
    lower, failed = torch.linalg.cholesky_ex(flipped)
    if failed:
        return False
    unit = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    root.copy_(torch.linalg.solve_triangular(lower.flip(0, 1), unit, upper=True))
    return bool(torch.stack(root.aminmax()).isfinite().all())
