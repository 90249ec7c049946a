import numpy as np
import pandas as pd
import pytest

from illusion_lib.divergence import gap, gaps, outcomes, pairs
from illusion_lib.divergence.gaps import MEASURES, pair_values


def one(table: pd.DataFrame, **where: str) -> pd.Series:
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_measures_by_hand() -> None:
    # 8 items: M_d 6, G_d 4, M 5, G 1.
    sums = np.array([6.0, 4, 5, 1, 8])
    assert MEASURES["production_gap"](sums, 0.0) == 5 / 8 - 1 / 8
    assert MEASURES["retention_gap"](sums, 0.0) == pytest.approx(5 / 6 - 1 / 4)
    assert MEASURES["difference_in_differences"](sums, 0.0) == pytest.approx(4 / 8 - 2 / 8)
    known_d, known = (6 / 8 - 0.25) / 0.75, (5 / 8 - 0.25) / 0.75
    assert MEASURES["production_gap"](sums, 0.25) == pytest.approx(known - 1 / 8)
    assert MEASURES["retention_gap"](sums, 0.25) == pytest.approx(known / known_d - 1 / 4)
    assert MEASURES["difference_in_differences"](sums, 0.25) == pytest.approx(
        known - 1 / 8 - (known_d - 4 / 8)
    )


def test_planted_gap_is_found(planted) -> None:
    # know .9, say .8; kept .95 and .5: the true corrected retention gap is .45.
    items = outcomes(planted(n=400, seed=1))
    row = one(gaps(items), cell="wanda-s050", language="all", measure="retention_gap_corrected")
    assert row["low"] < 0.45 < row["high"]
    assert row["high"] - row["low"] < 0.25
    row = one(gaps(items), cell="wanda-s050", language="all", measure="production_gap_corrected")
    assert row["low"] < 0.95 * 0.9 - 0.5 * 0.8 < row["high"]


def test_guessing_alone_is_no_gap(planted) -> None:
    """A model that forgot everything shows a raw gap of 1/K and no corrected one."""
    items = outcomes(planted(n=300, cells={"magnitude-s080": ("magnitude", 0.8, 0.0, 0.0)}))
    paired = pairs(items)
    raw, corrected = gap(paired, "retention_gap"), gap(paired, "retention_gap_corrected")
    assert raw.low > 0.1
    assert corrected.low < 0 < corrected.high


def test_equal_relative_loss_is_no_gap(planted) -> None:
    """With a dense format gap the difference in differences reacts, the retention gap does not."""
    items = outcomes(planted(n=600, say=0.4, cells={"wanda-s050": ("wanda", 0.5, 0.4, 0.4)}))
    paired = pairs(items)
    assert gap(paired, "difference_in_differences").high < 0
    found = gap(paired, "retention_gap_corrected")
    assert found.low < 0 < found.high


def test_dense_has_its_own_gap_and_no_comparison(planted) -> None:
    table = gaps(outcomes(planted(n=30)))
    dense = table[table["cell"] == "dense"]
    assert set(dense["measure"]) == {"production_gap", "production_gap_corrected"}
    assert table["reason"].isna().all()


def test_unknown_number_of_options_leaves_the_raw_gap(planted) -> None:
    items = outcomes(planted(n=30).drop(columns="options"))
    table = gaps(items)
    corrected = table["measure"].str.endswith("_corrected")
    assert table.loc[corrected, "estimate"].isna().all()
    assert set(table.loc[corrected, "reason"]) == {"the number of options is not known"}
    assert table.loc[~corrected, ["estimate", "low", "high"]].notna().all(axis=None)


def test_zero_dense_production_is_undefined_with_a_reason(planted) -> None:
    items = outcomes(planted(n=30, say=-1.0))
    row = one(gaps(items), cell="wanda-s050", language="all", measure="retention_gap")
    assert pd.isna(row["estimate"])
    assert "not above zero" in row["reason"]


def test_all_correct_and_one_item(planted) -> None:
    perfect = planted(n=20, know=2.0, say=2.0, cells={"wanda-s030": ("wanda", 0.3, 1.1, 1.1)})
    table = gaps(outcomes(perfect))
    assert (table["estimate"] == 0).all()
    assert (table["low"] < 0).all()
    assert (table["high"] > 0).all()
    single = gaps(outcomes(planted(n=1, know=2.0, say=2.0)))
    assert (single["estimate"].notna() | single["reason"].notna()).all()


def test_same_seed_same_interval_and_clusters_widen(planted) -> None:
    paired = pairs(outcomes(planted(n=60, languages=("en", "es", "de"))))
    assert gap(paired, seed=4).low == gap(paired, seed=4).low
    loose = gap(paired.assign(parallel_id=paired["item_id"]), "production_gap")
    tight = gap(paired, "production_gap")
    assert tight.clusters == 60
    assert loose.clusters == 180
    assert tight.high - tight.low > loose.high - loose.low


def test_values_are_in_the_documented_order(planted) -> None:
    paired = pairs(outcomes(planted(n=10)))
    values = pair_values(paired)
    np.testing.assert_array_equal(values[:, 2], paired["recognises"].astype(float))
    np.testing.assert_array_equal(values[:, 4], 1)
