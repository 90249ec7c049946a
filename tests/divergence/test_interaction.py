import numpy as np
import pandas as pd
import pytest
from scipy import special

from illusion_lib.divergence import gap, interactions, outcomes, pairs, sparsity_models

NAMES = ["recognises_dense", "produces_dense", "recognises", "produces"]
FRONT = {
    "model": "m",
    "cell": "c",
    "method": "wanda",
    "sparsity": 0.5,
    "pattern": None,
    "label": "c",
    "calibration_seed": 0,
    "language": "en",
}


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


def test_separation_adds_two_facts_and_says_so(planted) -> None:
    dead = pairs(outcomes(planted(n=40, cells={"x-s080": ("magnitude", 0.8, 0.5, 0.0)})))
    row = interactions(dead).iloc[0]
    assert row["note"] == "two made-up facts added: produces all right or all wrong"
    shares = [(dead[name].sum() + 1) / 42 for name in NAMES]
    m_dense, g_dense, m, g = special.logit(np.array(shares, dtype=float))
    assert np.log(row["odds_ratio"]) == pytest.approx((m - g) - (m_dense - g_dense), abs=1e-6)
    assert row["answers"] == 160


def test_answers_all_alike_are_a_reason(planted) -> None:
    perfect = planted(n=20, know=2.0, say=2.0, cells={"wanda-s010": ("wanda", 0.1, 2.0, 2.0)})
    table = interactions(pairs(outcomes(perfect)))
    assert set(table["reason"]) == {"every answer is the same in every format"}
    assert table["odds_ratio"].isna().all()


def test_level_holds_where_production_is_almost_gone() -> None:
    """No interaction on the log-odds scale, pruned production near zero: rarely significant."""
    rng = np.random.default_rng(4)
    odds = np.array([2.0, 0.0, -1.5, -3.5])  # M_d, G_d, M, G: the difference of differences is 0
    found = []
    for _ in range(150):
        level = 0.8 * rng.normal(size=(40, 1))
        answers = rng.random((40, 4)) < special.expit(odds + level)
        frame = pd.DataFrame(answers.astype(bool), columns=NAMES).assign(**FRONT)
        frame["item_id"] = frame["parallel_id"] = [str(i) for i in range(40)]
        row = interactions(frame).iloc[0]
        found.append(row["p_value"] <= 0.05)
    assert np.mean(found) <= 0.05 + 0.035


def test_a_dead_language_leaves_the_trend_defined(planted) -> None:
    cells = {
        "wanda-s030": ("wanda", 0.3, 0.9, 0.5),
        "wanda-s050": ("wanda", 0.5, 0.7, 0.2),
    }
    paired = pairs(outcomes(planted(n=60, languages=("en", "es"), cells=cells)))
    dead = paired["language"] == "es"
    paired.loc[dead, "produces"] = False
    for estimator in ("gee", "mixed"):
        table = sparsity_models(paired, estimator)
        assert table["odds_ratio"].notna().all()
        assert (table["odds_high"] < 1000).all()
        assert set(table["note"]) == {
            "two made-up facts added: wanda says in es all right or all wrong"
        }


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
