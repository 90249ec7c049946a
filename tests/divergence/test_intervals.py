import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from illusion_lib.divergence.intervals import effective_items, share_difference, share_interval


@given(st.integers(1, 200), st.data())
def test_wilson_is_statsmodels(n: int, data) -> None:
    k = data.draw(st.integers(0, n))
    hits = np.arange(n) < k
    expected = proportion_confint(k, n, method="wilson")
    assert share_interval(hits, np.arange(n)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("counts", [(10, 17, 3, 40), (0, 10, 0, 20), (20, 20, 5, 9)])
def test_newcombe_is_statsmodels(counts: tuple[int, int, int, int]) -> None:
    a, n, b, m = counts
    expected = confint_proportions_2indep(a, n, b, m, compare="diff", method="newcomb")
    found = share_difference(np.arange(n) < a, np.arange(n), np.arange(m) < b, np.arange(m))
    assert found == pytest.approx(expected, abs=1e-9)


def test_effective_items() -> None:
    hits = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    assert effective_items(hits, np.arange(8)) == 8
    twins = effective_items(hits, np.repeat(np.arange(4), 2))
    assert twins == pytest.approx(8 / (2 * 4 / 3))  # twins answer alike: half, and 4/3 for df
    assert effective_items(np.ones(8), np.repeat(np.arange(4), 2)) == 4
    opposed = np.array([1, 0] * 4)
    assert effective_items(opposed, np.repeat(np.arange(4), 2)) == 8


def test_empty_is_none() -> None:
    assert share_interval([], []) is None
    assert share_difference([], [], [1.0], ["a"]) is None


@pytest.mark.parametrize(("clusters", "size"), [(40, 1), (40, 3), (15, 2)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_share_interval_covers(clusters: int, size: int, share: float) -> None:
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(clusters), size)
    covered = []
    for _ in range(1000):
        # Half of the clusters answer alike in all languages.
        alike = np.repeat(rng.random(clusters) < 0.5, size)
        shared = np.repeat(rng.random(clusters), size)
        hits = np.where(alike, shared, rng.random(labels.size)) < share
        low, high = share_interval(hits, labels)
        covered.append(low <= share <= high)
    assert 0.93 - 0.014 <= np.mean(covered) <= 0.99


def test_share_difference_covers() -> None:
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(1500):
        lost, control = rng.random(14) < 0.6, rng.random(40) < 0.15
        low, high = share_difference(lost, np.arange(14), control, np.arange(40))
        covered.append(low <= 0.45 <= high)
    assert 0.93 <= np.mean(covered) <= 0.98
