from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.anchors.selection import Normal, exchange, forward, penalised_loss


def equations(seed=0, penalty=0.1, n_models=12, n_items=9):
    """Normal equations with a penalty of its own for every item."""
    rng = np.random.default_rng(seed)
    scores = (rng.random((n_models, n_items)) < 0.5).astype(float)
    normal = Normal.ridge(scores, scores.mean(1), 1.0)
    return replace(normal, penalty=penalty * rng.uniform(0.5, 2, n_items))


def brute_loss(normal, anchors):
    """Least squares on rows augmented by diag(sqrt(penalty)); t is the mean of the columns."""
    anchors = list(anchors)
    x = normal.columns[:, anchors]
    stacked = np.vstack([x, np.diag(np.sqrt(normal.penalty[anchors]))])
    goal = np.concatenate([normal.columns.mean(1), np.zeros(len(anchors))])
    return np.linalg.lstsq(stacked, goal, rcond=None)[1].sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1.0, 30.0]))
def test_forward_takes_the_best_item_at_every_step(seed, penalty):
    normal = equations(seed, penalty)
    chosen = forward(normal, 5).tolist()
    for step in range(5):
        before = chosen[:step]
        losses = {i: brute_loss(normal, [*before, i]) for i in range(9) if i not in before}
        assert losses[chosen[step]] <= min(losses.values()) + 1e-7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1.0, 30.0]))
def test_exchange_ends_where_no_swap_helps_and_never_loses(seed, penalty):
    normal = equations(seed, penalty)
    start = np.array([0, 1, 2])
    end, swaps = exchange(normal, start, max_swaps=50)
    best = brute_loss(normal, end)
    assert best <= brute_loss(normal, start) + 1e-9
    assert (swaps == 0) == (end.tolist() == [0, 1, 2])
    for slot in range(3):
        for item in set(range(9)) - set(end.tolist()):
            other = end.copy()
            other[slot] = item
            assert brute_loss(normal, other) >= best - 1e-6


def test_exchange_reaches_the_best_pair_of_a_small_table():
    reached = 0
    for seed in range(10):
        normal = equations(seed)
        end, _ = exchange(normal, forward(normal, 2))
        least = min(brute_loss(normal, pair) for pair in combinations(range(9), 2))
        reached += brute_loss(normal, end) <= least * 1.0001
    assert reached >= 9


def test_loss_equals_its_definition():
    normal, anchors = equations(), np.array([4, 0, 7])
    assert penalised_loss(normal, anchors) == pytest.approx(brute_loss(normal, anchors))


def test_constant_columns_are_never_preferred():
    scores = (np.random.default_rng(0).random((20, 10)) < 0.5).astype(float)
    scores[:, :4] = [0, 1, 1, 0]
    normal = Normal.ridge(scores, scores.mean(1), 0.1)
    assert set(forward(normal, 6).tolist()) == set(range(4, 10))


def test_a_duplicate_is_not_taken_while_others_tell_more():
    scores = (np.random.default_rng(0).random((20, 10)) < 0.5).astype(float)
    first = forward(Normal.ridge(scores, scores.mean(1), 0.01), 1)[0]
    doubled = np.column_stack([scores, scores[:, first]])
    chosen = forward(Normal.ridge(doubled, scores.mean(1), 0.01), 5)
    assert first in chosen
    assert 10 not in chosen
