import pandas as pd
import pytest

from illusion_lib.divergence import compare, mcnemar
from illusion_lib.errors import RecordError


@pytest.fixture
def two(planted):
    records = planted(n=60, languages=("en", "es"), recovery=False)
    return records[records["cell"] == "dense"], records[records["cell"] != "dense"]


def test_comparison_by_hand(two) -> None:
    dense, pruned = two
    table = compare(dense, pruned).set_index(["language", "format"])
    row = table.loc[("en", "open")]
    before, after = (
        f[(f["language"] == "en") & (f["probe"] == "open")].set_index("item_id")["correct"]
        for f in two
    )
    worse, better, p = mcnemar(before, after[before.index])
    assert (row["right_to_wrong"], row["wrong_to_right"]) == (worse, better)
    assert row["p_value"] == pytest.approx(p)
    assert row["difference"] == pytest.approx(after.mean() - before.mean())
    assert row["low"] <= row["difference"] <= row["high"]
    gap = table.loc[("all", "production_gap")]
    expected = table.loc[("all", "choice"), "difference"] - table.loc[("all", "open"), "difference"]
    assert gap["difference"] == pytest.approx(expected)
    assert gap["low"] > 0
    assert gap["p_value"] < 0.01


def test_swapping_the_sets_mirrors_the_result(two) -> None:
    one, other = compare(*two), compare(*two[::-1])
    pd.testing.assert_series_equal(one["difference"], -other["difference"])
    pd.testing.assert_series_equal(
        one["right_to_wrong"], other["wrong_to_right"], check_names=False
    )


def test_same_set_twice_is_equivalent(two) -> None:
    table = compare(two[0], two[0])
    assert (table["difference"] == 0).all()
    assert (table["p_value"].dropna() == 1).all()
    assert (table.loc[table["language"] == "all", "p_equivalent"] < 0.05).all()


def test_missing_items_are_counted(two) -> None:
    dense, pruned = two
    ids = pruned["item_id"].unique()
    table = compare(dense[dense["item_id"] != ids[0]], pruned[~pruned["item_id"].isin(ids[1:4])])
    row = table[(table["language"] == "all") & (table["format"] == "open")].iloc[0]
    assert (row["only_before"], row["only_after"], row["items"]) == (3, 1, 116)


def test_refusals(two) -> None:
    dense, pruned = two
    with pytest.raises(RecordError, match="first set holds 2 variants"):
        compare(pd.concat([dense, pruned]), pruned)
    with pytest.raises(RecordError, match="share no item"):
        compare(dense, pruned.assign(item_id="x" + pruned["item_id"]))
    with pytest.raises(RecordError, match="same id and another content"):
        compare(dense.assign(item_hash="1"), pruned.assign(item_hash="2"))
