from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.divergence import budget_curve, pass_at_k, tidy
from illusion_lib.divergence.budget import budgets, searches


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


def test_curves_over_widths_and_temperatures_stand_for_the_single_search(planted) -> None:
    records = planted(n=60)
    beams, samples = (records[records["probe"] == name].copy() for name in ("beam", "sample"))
    wider = [(0, 0, int(hit), int(hit), int(hit)) for hit in beams["correct"]]
    beams = beams.assign(probe="beam_curve", budgets=[(1.0, 2.0, 4.0, 8.0, 16.0)] * len(beams))
    beams = beams.assign(budget_successes=wider, budget_tries=[(1, 2, 4, 8, 16)] * len(beams))
    hits = [(0, int(c)) for c in samples["successes"]]
    samples = samples.assign(probe="sample_curve", budgets=[(0.3, 1.0)] * len(samples))
    samples = samples.assign(budget_successes=hits, budget_tries=[(16, 16)] * len(samples))
    curve = budget_curve(pd.concat([records, beams, samples], ignore_index=True))
    plain = budget_curve(records)
    lost = curve[curve["group"] == "lost"]
    beam = lost[lost["probe"] == "beam"].set_index("budget")["estimate"]
    assert beam.index.tolist() == [1, 2, 4, 8, 16]
    assert (beam[1], beam[2]) == (0, 0)
    single = plain[(plain["probe"] == "beam") & (plain["group"] == "lost")]["estimate"].iloc[0]
    assert beam[4] == beam[16] == single
    sample = lost[lost["probe"] == "sample"].set_index(["temperature", "budget"])["estimate"]
    assert (sample[0.3] == 0).all()
    same = plain[(plain["probe"] == "sample") & (plain["group"] == "lost")]["estimate"]
    np.testing.assert_allclose(sample[1.0].astype(float), same.astype(float))


def test_curve_intervals_cover_the_planted_rate(planted) -> None:
    """A lost answer is found with chance 0.5, then one to three of sixteen samples hit."""
    covered = []
    for seed in range(60):
        records = planted(n=60, demoted=0.5, seed=seed)
        asked = records["probe"].isin(["open", "choice", "sample"])
        curve = budget_curve(records[asked], resamples=300)
        row = curve[(curve["probe"] == "sample") & (curve["group"] == "lost")].iloc[-1]
        covered.append(row["low"] <= 0.5 <= row["high"])
    assert np.mean(covered) >= 0.93 - 0.056  # two standard errors of 60 studies


def test_no_recovery_probe_at_all_and_a_cell_without_groups(planted) -> None:
    assert searches(tidy(planted(n=5, recovery=False))).empty
