import numpy as np
import pytest

from illusion_lib.divergence import gap, outcomes, pairs
from illusion_lib.divergence.trends import median_interval, sparsity_slope


def test_slope_is_least_squares_through_the_gaps(planted) -> None:
    cells = {f"wanda-s0{s}0": ("wanda", s / 10, 1.0, 1 - s / 10) for s in (3, 5, 7)}
    paired = pairs(outcomes(planted(n=120, cells=cells)))
    gaps = [0.0, *(gap(part).value for _, part in paired.groupby("sparsity"))]
    found = sparsity_slope(paired, np.random.default_rng(0))
    assert found.value == pytest.approx(np.polyfit([0, 0.3, 0.5, 0.7], gaps, 1)[0])
    assert found.low < 1.0 < found.high, "the planted gap equals the sparsity"


def test_slope_of_two_methods_is_their_mean(planted) -> None:
    cells = {
        "wanda-s050": ("wanda", 0.5, 1.0, 0.4),
        "sparsegpt-s050": ("sparsegpt", 0.5, 1.0, 0.8),
    }
    paired = pairs(outcomes(planted(n=80, cells=cells)))
    each = [
        sparsity_slope(part, np.random.default_rng(0)).value for _, part in paired.groupby("method")
    ]
    assert sparsity_slope(paired, np.random.default_rng(0)).value == pytest.approx(np.mean(each))


def test_slope_without_options_is_undefined(planted) -> None:
    paired = pairs(outcomes(planted(n=10).drop(columns="options")))
    found = sparsity_slope(paired, np.random.default_rng(0))
    assert found.value is None
    assert "options" in found.reason


def test_median_interval_covers() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(600):
        values = rng.exponential(size=25)
        low, high = median_interval(values, np.arange(25), rng, 400)
        covered.append(low <= np.log(2) <= high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_median_of_few_clusters_is_the_range() -> None:
    limits = median_interval(np.array([3.0, 1, 9]), ["a", "b", "c"], np.random.default_rng(0))
    assert limits == (1, 9)
    assert median_interval(
        np.full(10, 4.0), np.arange(10), np.random.default_rng(0)
    ) == pytest.approx((4, 4))
