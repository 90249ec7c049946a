from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.errors import PruneError
from illusion_lib.pruning import patterns

# Few distinct values, so that ties are everywhere.
tied_scores = st.integers(0, 2**31 - 1).map(
    lambda seed: torch.from_numpy(
        np.random.default_rng(seed).integers(0, 4, (5, 12)).astype(np.float32)
    )
)


def stable(scores: torch.Tensor, count: int) -> torch.Tensor:
    order = scores.sort(dim=1, stable=True).indices[:, :count]
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, order, True)


@given(scores=tied_scores, count=st.integers(0, 12))
@settings(deadline=None)
def test_lowest_equals_a_stable_sort(scores, count):
    assert torch.equal(patterns.lowest(scores, count), stable(scores, count))


@given(scores=tied_scores, pattern=st.sampled_from([(1, 2), (2, 4), (1, 4), (2, 3), (5, 12)]))
@settings(deadline=None)
def test_groups_equal_a_loop_over_groups(scores, pattern):
    kept, group = pattern
    parts = [stable(part, group - kept) for part in scores.split(group, dim=1)]
    assert torch.equal(patterns.lowest_per_group(scores, kept, group), torch.cat(parts, dim=1))


def test_a_matrix_is_one_group_in_row_major_order():
    scores = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])
    want = torch.tensor([[False, True, False], [True, False, False]])
    assert torch.equal(patterns.lowest_per_matrix(scores, 2 / 6), want)


@pytest.mark.parametrize(
    ("size", "sparsity", "zeros"),
    [(100, 0.29, 29), (10, 0.3, 3), (7, 0.5, 3), (576, 0.5, 288), (5, 0.0, 0), (5, 0.999, 4)],
)
def test_counts_are_floored_but_not_by_binary_fractions(size, sparsity, zeros):
    assert patterns.zeros_in(size, sparsity) == zeros


@given(size=st.integers(1, 10**9), share=st.integers(0, 999))
def test_counts_follow_exact_arithmetic(size, share):
    assert patterns.zeros_in(size, share / 1000) == size * share // 1000


def test_zeros_come_before_every_score():
    weight = torch.tensor([[0.0, 1.0, 0.0, 2.0]])
    scores = torch.tensor([[9.0, 0.0, 9.0, 0.0]])
    marked = patterns.lowest_per_row(patterns.with_zeros_first(scores, weight == 0), 0.5)
    assert marked.tolist() == [[True, False, True, False]]


def test_a_group_that_does_not_divide_is_refused():
    with pytest.raises(PruneError, match="2:4 does not divide 10 inputs"):
        patterns.lowest_per_group(torch.ones(2, 10), 2, 4)
