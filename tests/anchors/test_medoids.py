from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.anchors.medoids import k_medoids


def total(distance, medoids):
    return distance[:, medoids].min(axis=1).sum()


def points(seed, n=10):
    x = np.random.default_rng(seed).random((n, 2))
    return np.abs(x[:, None] - x[None]).sum(-1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_no_single_swap_helps(seed, k):
    distance = points(seed)
    medoids = k_medoids(distance, k, np.random.default_rng(seed))
    assert len(set(medoids.tolist())) == k
    for slot in range(k):
        for item in set(range(10)) - set(medoids.tolist()):
            other = medoids.copy()
            other[slot] = item
            assert total(distance, other) >= total(distance, medoids) - 1e-7


def test_finds_the_best_triple_nearly_always():
    found = 0
    for seed in range(20):
        distance = points(seed)
        least = min(total(distance, list(three)) for three in combinations(range(10), 3))
        medoids = k_medoids(distance, 3, np.random.default_rng(0))
        found += total(distance, medoids) <= least * 1.02
    assert found >= 15


def test_fixed_medoids_stay_in_front():
    medoids = k_medoids(points(3), 4, np.random.default_rng(0), fixed=[7, 2])
    assert medoids[:2].tolist() == [7, 2]
    assert len(set(medoids.tolist())) == 4
    assert k_medoids(points(3), 2, np.random.default_rng(0), fixed=[7, 2]).tolist() == [7, 2]


def test_two_clear_groups():
    x = np.array([0, 0.1, 0.2, 5, 5.1, 5.2])
    medoids = k_medoids(np.abs(x[:, None] - x), 2, np.random.default_rng(0))
    assert sorted(medoids.tolist()) == pytest.approx([1, 4])
