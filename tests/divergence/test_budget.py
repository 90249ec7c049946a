from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.divergence import budget_curve, pass_at_k
from illusion_lib.divergence.budget import budgets


@given(st.integers(1, 8), st.data())
def test_pass_at_k_counts_every_subset(n: int, data) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    hits = [True] * c + [False] * (n - c)
    expected = np.mean([any(subset) for subset in combinations(hits, k)])
    assert float(pass_at_k([c], [n], k)[0]) == pytest.approx(expected)


def test_pass_at_k_refuses_more_than_was_tried() -> None:
    with pytest.raises(ValueError, match=r"1\.\.4"):
        pass_at_k([1], [4], 5)


def test_budgets_double_up_to_the_tries() -> None:
    assert budgets(1) == (1,)
    assert budgets(3) == (1, 2, 3)
    assert budgets(16) == (1, 2, 4, 8, 16)


def test_curve_rises_and_ends_at_the_rate(planted) -> None:
    records = planted(n=60, languages=("en", "es"))
    curve = budget_curve(records)
    lost = curve[(curve["probe"] == "sample") & (curve["group"] == "lost")]
    assert lost["budget"].tolist() == [1, 2, 4, 8, 16]
    assert lost["estimate"].is_monotonic_increasing
    assert (lost["low"] <= lost["estimate"]).all()
    assert (lost["high"] >= lost["estimate"]).all()
    control = curve[(curve["probe"] == "sample") & (curve["group"] == "neither")]
    assert lost["low"].iloc[-1] > control["estimate"].iloc[-1]
    assert curve.loc[curve["probe"] == "beam", "budget"].unique().tolist() == [8]


def test_no_recovery_probe_gives_an_empty_curve(planted) -> None:
    assert budget_curve(planted(n=10, recovery=False)).empty
