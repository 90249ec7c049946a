"""Against a 3 x 4 table worked out by hand: three variants, four items."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from illusion_lib.divergence import (
    OUTCOMES,
    accuracy,
    outcome_counts,
    outcomes,
    pairs,
    transitions,
    unpaired,
)
from illusion_lib.errors import RecordError

#               item      1  2  3  4
HAND = {
    "dense": {"choice": [1, 1, 1, 0], "open": [1, 1, 0, 1]},
    "wanda-s050": {"choice": [1, 1, 0, 0], "open": [0, 1, 0, 0]},
    "wanda-s070": {"choice": [0, 1, 1, 1], "open": [0, 0, 1, 0]},
}


@pytest.fixture
def hand() -> pd.DataFrame:
    rows = [
        {"cell": cell, "probe": probe, "item_id": f"i{i}", "correct": bool(hit), "n_options": 4}
        for cell, formats in HAND.items()
        for probe, hits in formats.items()
        for i, hit in enumerate(hits, start=1)
    ]
    return pd.DataFrame(rows)


def test_outcomes_by_hand(hand: pd.DataFrame) -> None:
    found = outcomes(hand).pivot(index="cell", columns="item_id", values="outcome")
    assert found.loc["dense"].tolist() == ["both", "both", "recognition_only", "production_only"]
    assert found.loc["wanda-s050"].tolist() == ["recognition_only", "both", "neither", "neither"]
    assert found.loc["wanda-s070"].tolist() == [
        "neither",
        "recognition_only",
        "both",
        "recognition_only",
    ]


def test_transitions_by_hand(hand: pd.DataFrame) -> None:
    paired = pairs(outcomes(hand))
    flows = paired.groupby("cell")["flow"].agg(lambda s: s.tolist())
    assert flows["wanda-s050"][:2] == ["lost", "kept"]
    assert flows["wanda-s070"][:2] == ["lost_in_both", "lost"]
    table = transitions(paired)
    assert len(table) == 2 * 2 * 16
    part = table[(table["cell"] == "wanda-s050") & (table["language"] == "all")]
    lost = part[part["flow"] == "lost"].iloc[0]
    assert (lost["outcome_dense"], lost["outcome"]) == ("both", "recognition_only")
    assert (lost["items"], lost["total"], lost["share"], lost["share_of_dense"]) == (
        1,
        4,
        0.25,
        0.5,
    )
    assert part["items"].sum() == 4
    assert part.loc[part["outcome_dense"] == "neither", "share_of_dense"].isna().all()


def test_counts_name_every_outcome(hand: pd.DataFrame) -> None:
    table = outcome_counts(outcomes(hand))
    dense = table[(table["cell"] == "dense") & (table["language"] == "all")].set_index("outcome")
    assert dense["items"].reindex(OUTCOMES).tolist() == [2, 1, 1, 0]
    assert dense["share"].sum() == 1


def test_accuracy_interval_is_wilsons(hand: pd.DataFrame) -> None:
    table = accuracy(hand)
    row = table[(table["cell"] == "wanda-s050") & (table["format"] == "open")].iloc[0]
    low, high = proportion_confint(1, 4, method="wilson")
    assert row["accuracy"] == 0.25
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-12)
    assert set(table.loc[table["format"] == "choice", "chance"]) == {0.25}
    assert set(table.loc[table["format"] == "open", "chance"]) == {0.0}


def test_a_missing_format_is_missing_not_wrong(hand: pd.DataFrame) -> None:
    gone = (hand["cell"] == "wanda-s050") & (hand["item_id"] == "i1") & (hand["probe"] == "open")
    items = outcomes(hand[~gone])
    row = items[(items["cell"] == "wanda-s050") & (items["item_id"] == "i1")].iloc[0]
    assert pd.isna(row["produces"])
    assert pd.isna(row["outcome"])
    table = unpaired(items).set_index("cell")
    assert table.loc["wanda-s050", ["paired", "unpaired"]].tolist() == [3, 1]
    assert (pairs(items)["cell"] == "wanda-s050").sum() == 3


def test_pruned_without_dense_is_refused(hand: pd.DataFrame) -> None:
    with pytest.raises(RecordError, match="no cell 'dense'"):
        pairs(outcomes(hand[hand["cell"] != "dense"]))


def test_languages_share_items_but_not_rows(planted) -> None:
    items = outcomes(planted(n=12, languages=("en", "es")))
    table = accuracy(planted(n=12, languages=("en", "es")))
    assert len(items) == 2 * 2 * 12
    assert set(table["language"]) == {"all", "en", "es"}
    pooled = table[table["language"] == "all"]
    assert (pooled["items"] == 24).all()
    assert (pooled["clusters"] == 12).all()


def test_order_of_rows_does_not_matter(study: pd.DataFrame) -> None:
    shuffled = study.sample(frac=1, random_state=1)
    key = ["cell", "language", "outcome_dense", "outcome"]
    one, two = (
        transitions(pairs(outcomes(f))).sort_values(key).reset_index(drop=True)["items"]
        for f in (study, shuffled)
    )
    np.testing.assert_array_equal(one, two)
