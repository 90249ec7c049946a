import numpy as np
import pytest

from illusion_lib.divergence import gap, interactions, outcomes, pairs, sparsity_models


def test_effect_equals_the_difference_in_differences(planted) -> None:
    paired = pairs(outcomes(planted(n=100, languages=("en", "es"))))
    table = interactions(paired)
    row = table[table["language"] == "all"].iloc[0]
    expected = gap(paired, "difference_in_differences")
    assert row["effect"] == pytest.approx(expected.value, abs=1e-6)
    assert row["effect_low"] == pytest.approx(expected.low, abs=0.03)
    assert row["effect_high"] == pytest.approx(expected.high, abs=0.03)
    assert row["odds_ratio"] > row["odds_low"] > 1


def test_estimators_agree_on_the_sign(planted) -> None:
    paired = pairs(outcomes(planted(n=60)))
    mixed = interactions(paired, "mixed")
    assert mixed["language"].tolist() == ["all"]
    assert mixed["odds_low"].iloc[0] > 1
    assert mixed["effect_low"].iloc[0] > 0


def test_separation_is_a_reason_not_a_number(planted) -> None:
    dead = planted(n=40, cells={"magnitude-s080": ("magnitude", 0.8, 0.5, 0.0)})
    table = interactions(pairs(outcomes(dead)))
    assert set(table["reason"]) == {"separation: produces is all wrong"}
    assert table["odds_ratio"].isna().all()
    perfect = planted(n=20, know=2.0, say=2.0, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    assert interactions(pairs(outcomes(perfect)))["reason"].notna().all()


def test_sparsity_model_finds_the_planted_order(planted) -> None:
    cells = {
        "wanda-s030": ("wanda", 0.3, 0.98, 0.8),
        "wanda-s050": ("wanda", 0.5, 0.95, 0.4),
        "sparsegpt-s030": ("sparsegpt", 0.3, 0.98, 0.97),
        "sparsegpt-s050": ("sparsegpt", 0.5, 0.95, 0.9),
    }
    paired = pairs(outcomes(planted(n=120, languages=("en", "es"), cells=cells)))
    table = sparsity_models(paired).set_index(["method", "language"])
    assert len(table) == 6
    wanda, sparsegpt = table.loc[("wanda", "all")], table.loc[("sparsegpt", "all")]
    assert wanda["odds_low"] > 1
    assert wanda["odds_ratio"] > sparsegpt["odds_ratio"]
    assert wanda["effect_low"] > 0
    both = np.sqrt(
        table.loc[("wanda", "en"), "odds_ratio"] * table.loc[("wanda", "es"), "odds_ratio"]
    )
    assert both == pytest.approx(wanda["odds_ratio"])


def test_sparsity_model_with_one_language_and_one_cell(planted) -> None:
    table = sparsity_models(pairs(outcomes(planted(n=60))))
    assert table["language"].tolist() == ["all", "en"]
    assert table["odds_ratio"].nunique() == 1
