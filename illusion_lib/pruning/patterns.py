"""Which weights go: exact selection of the lowest scores, per row, slab, matrix or n:m group."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from illusion_lib.errors import PruneError
from illusion_lib.pruning.elementwise import at_most, count_nonzero, is_zero, put, without
from illusion_lib.specs import PruneSpec, parse_pattern

_KEPT_ZERO = -1.0  # below every score, so that zeros already there are counted first


def zeros_in(size: int, sparsity: float) -> int:
    """Return how many of `size` weights are zeroed: ``floor(sparsity * size)``.

    The product is rounded to the nearest whole number first when it is within one part in 10^12
    of it, because 0.29 * 100 is 28.999999999999996 in binary.

    >>> zeros_in(100, 0.29), zeros_in(7, 0.5)
    (29, 3)
    """
    wanted = sparsity * size
    nearest = round(wanted)
    return nearest if math.isclose(wanted, nearest, rel_tol=1e-12) else math.floor(wanted)


def zeros_of(weight: torch.Tensor) -> torch.Tensor | None:
    """Return where a matrix is zero already, bool; None where it is nowhere, as in most models."""
    zeros = is_zero(weight)
    return zeros if count_nonzero(zeros) else None


def with_zeros_first(scores: torch.Tensor, zeros: torch.Tensor | None) -> torch.Tensor:
    """Put the weights that are zero already below all others, in `scores` (>= 0) itself."""
    return scores if zeros is None else put(_KEPT_ZERO, zeros, scores)


def lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mark exactly `count` lowest scores in each row; among equals, the leftmost go first.

    Parameters
    ----------
    scores
        Finite, (rows, columns).
    count
        Scores to mark in each row, from 0 to the number of columns.

    Returns
    -------
    torch.Tensor
        bool, (rows, columns).
    """
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    bound = _smallest(scores, count)  # (rows, 1)
    marked = at_most(scores, bound)
    crowded = marked.count_nonzero(dim=1) > count  # rows where ties at the bound overshoot
    if crowded.any():
        marked[crowded] = _leftmost_ties(scores[crowded], bound[crowded], count)
    return marked


def _smallest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Return each row's `count`-th lowest score, (rows, 1).

    ``benchmarks/selection.py`` compares the ways: on a CPU numpy's partition is several times
    faster than kthvalue, topk and sort. A GPU sorts fast and has no parallel kthvalue.
    """
    if scores.device.type != "cpu":
        return scores.sort(dim=1).values[:, count - 1 : count]
    values = np.partition(scores.numpy(), count - 1, axis=1)[:, count - 1 : count]
    return torch.from_numpy(values)


def _leftmost_ties(scores: torch.Tensor, bound: torch.Tensor | float, count: int) -> torch.Tensor:
    below = scores < bound
    tied = scores == bound
    room = count - below.sum(dim=1, keepdim=True)  # (rows, 1)
    return below | (tied & (tied.cumsum(dim=1) <= room))


def lowest_per_row(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Mark the same number of lowest scores in every row of (rows, columns)."""
    return lowest(scores, zeros_in(scores.shape[1], sparsity))


def lowest_per_matrix(scores: torch.Tensor, sparsity: float) -> torch.Tensor:
    """Mark the lowest scores of the whole (rows, columns) matrix; ties go in row-major order."""
    count = zeros_in(scores.numel(), sparsity)
    stored = scores if scores.is_contiguous() else scores.T  # order matters among ties alone
    if count == 0 or not stored.is_contiguous():
        return lowest(scores.reshape(1, -1), count).view(scores.shape)
    bound = float(_smallest(stored.view(1, -1), count))
    marked = at_most(scores, bound)
    if count_nonzero(marked) > count:
        marked = _leftmost_ties(scores.reshape(1, -1), bound, count).view(scores.shape)
    return marked


def lowest_per_group(scores: torch.Tensor, kept: int, group: int) -> torch.Tensor:
    """Mark all but the `kept` highest of every `group` consecutive scores of a row.

    Raises
    ------
    PruneError
        The number of columns is not a multiple of `group`.
    """
    rows, columns = scores.shape
    if columns % group:
        raise PruneError(
            f"pattern {kept}:{group} does not divide {columns} inputs; "
            f"choose a group that does, or an unstructured sparsity"
        )
    members = scores.reshape(-1, group).T.contiguous()  # (group, groups)
    marked = torch.empty(members.shape, dtype=torch.bool, device=scores.device)
    for j in range(group):
        # Groups are tiny: counting the members that come before is faster than sorting.
        before = (members[:j] <= members[j]).sum(dim=0, dtype=torch.int16)
        before += (members[j + 1 :] < members[j]).sum(dim=0, dtype=torch.int16)
        marked[j] = before < group - kept
    return marked.T.reshape(rows, columns)


def prune_lowest(
    weight: torch.Tensor,
    scores: torch.Tensor,
    spec: PruneSpec,
    select: Callable[[torch.Tensor, float], torch.Tensor],
) -> torch.Tensor:
    """Return `weight` (out, in) without its weights of lowest score.

    Parameters
    ----------
    weight
        The weights; those that are zero already count first.
    scores
        Non-negative and of the same shape; a tensor of its own, as it is changed.
    spec
        A pattern decides within its groups, else a sparsity.
    select
        How an unstructured sparsity is met: `lowest_per_row` or `lowest_per_matrix`.
    """
    scores = with_zeros_first(scores, zeros_of(weight))
    if spec.pattern:
        mask = lowest_per_group(scores, *parse_pattern(spec.pattern))
    else:
        mask = select(scores, spec.sparsity)
    return without(mask, weight)
