import numpy as np
import pytest
from scipy import stats

from illusion_lib.divergence import items_needed, power_of, power_table


@pytest.mark.parametrize(("n", "effect", "discordance"), [(60, 0.2, 0.3), (200, 0.05, 0.1)])
def test_power_by_simulation(n: int, effect: float, discordance: float) -> None:
    rng = np.random.default_rng(3)
    worse, better = (discordance + effect) / 2, (discordance - effect) / 2
    drawn = rng.multinomial(n, [worse, better, 1 - discordance], size=20_000)
    total = drawn[:, 0] + drawn[:, 1]
    p = np.minimum(1, 2 * stats.binom.cdf(drawn[:, :2].min(axis=1), total, 0.5))
    assert power_of(n, effect, discordance) == pytest.approx(np.mean(p <= 0.05), abs=0.01)


def test_power_under_the_null_is_at_most_alpha() -> None:
    assert power_of(40, 0.0, 0.3) <= 0.05


def test_items_needed_reaches_the_power() -> None:
    n = items_needed(0.05, 0.2)
    assert power_of(n, 0.05, 0.2) >= 0.8
    assert power_of(int(0.9 * n), 0.05, 0.2) < 0.8
    assert items_needed(0.05, 0.01) is None
    table = power_table()
    assert (table["items"].isna() == table["reason"].notna()).all()
    assert (table["power"].dropna() >= 0.8).all()
