import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from illusion_lib.divergence import (
    changes,
    holm,
    mcnemar,
    outcomes,
    paired_tost,
    pairs,
    sign_flip,
)
from illusion_lib.divergence.paired import change_row

answers = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@given(answers)
def test_mcnemar_is_statsmodels_exact_test(rows) -> None:
    x, y = np.array(rows).T
    table = [[np.sum(x & y), np.sum(x & ~y)], [np.sum(~x & y), np.sum(~x & ~y)]]
    worse, better, p = mcnemar(x, y)
    assert (worse, better) == (table[0][1], table[1][0])
    if worse + better:
        assert p == pytest.approx(reference_mcnemar(table, exact=True).pvalue, abs=1e-9)
    else:
        assert p == 1


@given(answers)
def test_sign_flip_of_single_items_is_mcnemar(rows) -> None:
    x, y = np.array(rows).T
    assert sign_flip(x, y, np.arange(len(rows))) == pytest.approx(mcnemar(x, y)[2], abs=1e-9)


def test_sign_flip_against_all_sign_patterns() -> None:
    rng = np.random.default_rng(0)
    x, y, labels = rng.random(24) < 0.7, rng.random(24) < 0.4, np.repeat(np.arange(8), 3)
    net = (y.astype(int) - x.astype(int)).reshape(8, 3).sum(axis=1)
    signs = 1 - 2 * ((np.arange(256)[:, None] >> np.arange(8)) & 1)
    expected = np.mean(np.abs(signs @ net) >= abs(net.sum()))
    assert sign_flip(x, y, labels) == pytest.approx(expected)


def test_level_of_the_paired_tests_under_the_null() -> None:
    """40 facts, each in one or three languages that share their fate; nothing really changed."""
    rng = np.random.default_rng(1)
    naive, clustered, single = [], [], []
    for _ in range(1000):
        labels = np.repeat(np.arange(40), 3)
        before, after = (
            np.repeat(rng.random(40) < 0.5, 3) ^ (rng.random(120) < 0.1) for _ in range(2)
        )
        naive.append(mcnemar(before, after)[2])
        clustered.append(sign_flip(before, after, labels))
        single.append(sign_flip(before[::3], after[::3], labels[::3]))
    assert np.mean(np.array(clustered) <= 0.05) <= 0.05 + 0.014
    assert np.mean(np.array(single) <= 0.05) <= 0.05 + 0.014
    # What ignoring the clusters would have done; this is why the table does not.
    assert np.mean(np.array(naive) <= 0.05) > 0.1


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])


def test_holm_passes_over_what_is_undefined() -> None:
    assert holm([None, 0.01, None, 0.03]) == [None, 0.02, None, 0.03]
    assert holm([]) == []


def score_test_by_search(gained: int, lost: int, n: int, delta: float) -> float:
    """Tango's statistic with the nuisance parameter found by maximising the likelihood."""
    grid = np.linspace(max(0.0, -delta), min(1.0, (1 - delta) / 1) / 1, 400_001)
    lost_share = grid
    gained_share = grid + delta
    rest = 1 - lost_share - gained_share
    valid = (gained_share >= 0) & (rest >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_lik = stats.multinomial.logpmf(
            [gained, lost, n - gained - lost],
            n,
            np.column_stack([gained_share, lost_share, rest])[valid],
        )
    best = lost_share[valid][np.nanargmax(log_lik)]
    return (gained - lost - n * delta) / np.sqrt(n * (2 * best + delta * (1 - delta)))


@pytest.mark.parametrize(("worse", "better", "n"), [(5, 3, 60), (12, 2, 80), (1, 9, 50)])
def test_tost_against_a_likelihood_search(worse: int, better: int, n: int) -> None:
    below = stats.norm.sf(score_test_by_search(better, worse, n, -0.1))
    above = stats.norm.cdf(score_test_by_search(better, worse, n, 0.1))
    assert paired_tost(worse, better, n, 0.1) == pytest.approx(max(below, above), abs=1e-4)


def test_tost_agrees_with_the_bootstrap() -> None:
    x = np.zeros(150)
    y = np.zeros(150)
    x[:9], y[9:13] = 1, 1
    found = change_row(x, y, np.arange(150), resamples=20_000)
    assert found["p_equivalent"] == pytest.approx(paired_tost(9, 4, 150), abs=0.01)


def test_tost_extremes() -> None:
    assert paired_tost(0, 0, 200, 0.1) < 0.001
    assert paired_tost(0, 0, 10, 0.1) > 0.05, "ten items without a change prove little"
    assert paired_tost(60, 0, 200, 0.1) > 0.99


def test_tost_level_at_the_margin() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(40, [0.15, 0.05, 0.80], size=4000)  # true difference: the margin
    rejected = [paired_tost(w, b, 40, 0.10) <= 0.05 for w, b, _ in drawn]
    assert np.mean(rejected) <= 0.05 + 0.01


def test_changes_table(study: pd.DataFrame) -> None:
    table = changes(pairs(outcomes(study)))
    row = table[
        (table["cell"] == "wanda-s060") & (table["language"] == "en") & (table["format"] == "open")
    ].iloc[0]
    assert row["flips"] == pytest.approx(
        (row["right_to_wrong"] + row["wrong_to_right"]) / row["items"]
    )
    assert row["agreement"] == 1 - row["flips"]
    assert row["difference"] == pytest.approx(row["accuracy_after"] - row["accuracy_before"])
    assert row["low"] <= row["difference"] <= row["high"] < 0
    assert row["p_holm"] >= row["p_value"]
    single = table[(table["language"] != "all") & (table["format"] == "open")]
    expected = multipletests(single["p_value"].to_numpy(dtype=float), method="holm")[1]
    np.testing.assert_allclose(single["p_holm"].to_numpy(dtype=float), expected)
    same = table[
        (table["cell"] == "wanda-s030") & (table["language"] == "all") & (table["format"] == "open")
    ].iloc[0]
    assert same["flips"] == 0
    assert same["p_value"] == 1
    assert same["p_equivalent"] < 0.05


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 12), st.integers(0, 10_000))
def test_changes_are_always_defined(planted, n: int, seed: int) -> None:
    table = changes(pairs(outcomes(planted(n=n, seed=seed))), resamples=200)
    numbers = table.drop(columns=["pattern", "reason"])
    assert numbers.notna().all(axis=None)
