import numpy as np
import pytest

from illusion_lib.divergence import calibration_draws, outcomes, pairs
from illusion_lib.divergence.draws import combined_interval


def test_draws_of_one_pruning_are_one_row(planted) -> None:
    cells = {f"wanda-s050-c{c}": ("wanda", 0.5, 0.95, 0.4 + 0.1 * c) for c in range(3)}
    records = planted(n=80, cells=cells)
    records["calibration_seed"] = [int(cell[-1]) if "-c" in cell else 0 for cell in records["cell"]]
    row = calibration_draws(pairs(outcomes(records))).iloc[0]
    assert row["draws"] == 3
    assert row["clusters"] == 80
    assert row["smallest"] < row["mean"] < row["largest"]
    assert row["low"] < row["item_low"] < row["item_high"] < row["high"]


def test_one_draw_is_said_to_be_one(planted) -> None:
    row = calibration_draws(pairs(outcomes(planted(n=40)))).iloc[0]
    assert "one calibration draw" in row["reason"]
    assert row["item_low"] < row["mean"] < row["item_high"]


def test_interval_is_the_t_interval_when_only_draws_vary() -> None:
    from scipy import stats

    half = stats.t.ppf(0.975, 4) * 0.2 / np.sqrt(5)
    assert combined_interval(0.3, 0.0, 40, 0.2, 5) == pytest.approx((0.3 - half, 0.3 + half))
    assert combined_interval(0.3, 0.0, 40, 0.0, 5) == (0.3, 0.3)


def test_interval_covers_two_way_noise() -> None:
    """40 items crossed with 4 draws, variance from items, from draws and from both."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(1000):
        values = (
            rng.normal(0, 1, (40, 1)) + rng.normal(0, 0.2, (1, 4)) + rng.normal(0, 0.5, (40, 4))
        )
        error = values.mean(axis=1).std(ddof=1) / np.sqrt(40)
        low, high = combined_interval(values.mean(), error, 40, values.mean(axis=0).std(ddof=1), 4)
        covered.append(low <= 0 <= high)
    assert 0.93 - 0.014 <= np.mean(covered) <= 0.98
