from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.anchors.selection import Centred, exchange, forward, penalised_loss


def centred(seed=0, n_models=12, n_items=9):
    rng = np.random.default_rng(seed)
    scores = (rng.random((n_models, n_items)) < 0.5).astype(float)
    return Centred.of(scores, scores.mean(1))


def brute_loss(data, anchors, penalty):
    """Least squares on rows augmented by sqrt(penalty) I."""
    x = data.columns[:, list(anchors)]
    stacked = np.vstack([x, np.sqrt(penalty) * np.eye(len(anchors))])
    goal = np.concatenate([data.target, np.zeros(len(anchors))])
    return np.linalg.lstsq(stacked, goal, rcond=None)[1].sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1.0, 30.0]))
def test_forward_takes_the_best_item_at_every_step(seed, penalty):
    data = centred(seed)
    chosen = forward(data, 5, penalty).tolist()
    for step in range(5):
        before = chosen[:step]
        losses = {
            item: brute_loss(data, [*before, item], penalty)
            for item in range(9)
            if item not in before
        }
        assert losses[chosen[step]] <= min(losses.values()) + 1e-7


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1.0, 30.0]))
def test_exchange_ends_where_no_swap_helps_and_never_loses(seed, penalty):
    data = centred(seed)
    start = np.array([0, 1, 2])
    end, swaps = exchange(data, start, penalty)
    best = brute_loss(data, end, penalty)
    assert best <= brute_loss(data, start, penalty) + 1e-9
    assert (swaps == 0) == (end.tolist() == [0, 1, 2])
    for slot in range(3):
        for item in set(range(9)) - set(end.tolist()):
            other = end.copy()
            other[slot] = item
            assert brute_loss(data, other, penalty) >= best - 1e-6


def test_exchange_reaches_the_best_pair_of_a_small_table():
    reached = 0
    for seed in range(10):
        data = centred(seed)
        end, _ = exchange(data, forward(data, 2, 0.1), 0.1)
        least = min(brute_loss(data, pair, 0.1) for pair in combinations(range(9), 2))
        reached += brute_loss(data, end, 0.1) <= least * 1.0001
    assert reached >= 9


def test_loss_equals_its_definition():
    data = centred()
    anchors = np.array([4, 0, 7])
    assert penalised_loss(data, anchors, 0.7) == pytest.approx(brute_loss(data, anchors, 0.7))


def test_constant_columns_are_never_preferred():
    scores = (np.random.default_rng(0).random((20, 10)) < 0.5).astype(float)
    scores[:, :4] = [0, 1, 1, 0]
    data = Centred.of(scores, scores.mean(1))
    assert set(forward(data, 6, 0.1).tolist()) == set(range(4, 10))


def test_a_duplicate_is_not_taken_while_others_tell_more():
    scores = (np.random.default_rng(0).random((20, 10)) < 0.5).astype(float)
    first = forward(Centred.of(scores, scores.mean(1)), 1, 0.01)[0]
    doubled = np.column_stack([scores, scores[:, first]])
    chosen = forward(Centred.of(doubled, scores.mean(1)), 5, 0.01)
    assert first in chosen
    assert 10 not in chosen
