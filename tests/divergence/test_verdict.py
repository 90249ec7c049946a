import pandas as pd
import pytest

from illusion_lib.divergence import (
    Rule,
    method_verdicts,
    model_verdicts,
    outcomes,
    pruning_verdicts,
)


def status(records: pd.DataFrame, **settings) -> dict[str, str]:
    table = pruning_verdicts(outcomes(records), Rule(**settings))
    return dict(zip(table["label"], table["status"], strict=True))


def test_planted_study(study: pd.DataFrame) -> None:
    prunings = pruning_verdicts(outcomes(study))
    found = dict(zip(prunings["label"], prunings["status"], strict=True))
    assert found["wanda-s030"] == "equivalent"
    assert found["wanda-s060"] == "illusion"
    assert found["wanda-s080"] == "collapsed"
    methods = method_verdicts(prunings).set_index("series")
    wanda = methods.loc["wanda"]
    assert wanda["verdict"] == "illusion"
    assert wanda["illusion_sparsity"] == 0.6
    assert wanda["collapsed_sparsity"] == 0.8
    assert wanda["trusted_sparsity"] in (0.3, 0.5)
    assert wanda["quoted_label"] == "wanda-s060"
    assert wanda["recognised_of_100"] > 80 > 40 > wanda["produced_of_100"]
    one = model_verdicts(method_verdicts(prunings))
    assert one["series"].tolist() == ["wanda"]


def test_no_illusion_needs_enough_items(planted) -> None:
    cells = {"wanda-s030": ("wanda", 0.3, 1.0, 1.0)}
    assert status(planted(n=150, cells=cells)) == {"wanda-s030": "equivalent"}
    few = planted(n=12, cells=cells)
    assert status(few) == {"wanda-s030": "undecided"}
    verdict = method_verdicts(pruning_verdicts(outcomes(few))).iloc[0]
    assert verdict["verdict"] == "too_few"
    assert pd.isna(verdict["trusted_sparsity"])


def test_a_dead_model_is_no_illusion(planted) -> None:
    cells = {"magnitude-s080": ("magnitude", 0.8, 0.0, 0.0)}
    records = planted(n=150, cells=cells)
    assert status(records) == {"magnitude-s080": "collapsed"}
    verdict = method_verdicts(pruning_verdicts(outcomes(records))).iloc[0]
    assert verdict["verdict"] == "collapsed"
    assert verdict["collapsed_sparsity"] == 0.8


def test_recognition_lost_first_is_reverse(planted) -> None:
    cells = {"wanda-s050": ("wanda", 0.5, 0.4, 1.0)}
    assert status(planted(n=150, cells=cells)) == {"wanda-s050": "reverse"}


def test_a_weak_dense_model_is_unmeasurable(planted) -> None:
    guessing = pruning_verdicts(outcomes(planted(n=60, know=0.0, say=0.3)))
    assert guessing["status"].tolist() == ["unmeasurable"]
    assert "guessing" in guessing["reason"].iloc[0]
    mute = pruning_verdicts(outcomes(planted(n=60, say=0.0)))
    assert mute["status"].tolist() == ["unmeasurable"]
    unknown = pruning_verdicts(outcomes(planted(n=60).drop(columns="options")))
    assert unknown["status"].tolist() == ["unmeasurable"]


def test_trust_stops_at_the_first_failure(planted) -> None:
    """Equivalence at 0.5 after none at 0.4 is chance, not trust."""
    cells = {
        "wanda-s030": ("wanda", 0.3, 1.0, 1.0),
        "wanda-s040": ("wanda", 0.4, 1.0, 0.4),
        "wanda-s050": ("wanda", 0.5, 1.0, 1.0),
    }
    row = method_verdicts(pruning_verdicts(outcomes(planted(n=200, cells=cells)))).iloc[0]
    assert (row["trusted_sparsity"], row["illusion_sparsity"]) == (0.3, 0.4)


def test_patterns_are_their_own_series_and_draws_are_pooled(planted) -> None:
    cells = {
        "wanda-s050": ("wanda", 0.5, 1.0, 0.5),
        "wanda-s050-c1": ("wanda", 0.5, 1.0, 0.5),
        "wanda-2of4": ("wanda", 0.5, 1.0, 0.5),
    }
    records = planted(n=60, cells=cells)
    records.loc[records["cell"] == "wanda-2of4", "pattern"] = "2:4"
    records.loc[records["cell"] == "wanda-s050-c1", "calibration_seed"] = 1
    table = pruning_verdicts(outcomes(records)).set_index("series")
    assert table["draws"].to_dict() == {"wanda": 2, "wanda n:m": 1}
    assert table["items"].to_dict() == {"wanda": 120, "wanda n:m": 60}
    assert table["clusters"].to_dict() == {"wanda": 60, "wanda n:m": 60}


def test_false_alarms_are_rare(planted) -> None:
    """Equal loss in both formats, four prunings: Holm keeps the family's level."""
    cells = {f"wanda-s0{s}0": ("wanda", s / 10, 0.7, 0.7) for s in (3, 4, 5, 6)}
    alarms = 0
    for seed in range(20):
        records = planted(n=40, cells=cells, recovery=False, seed=seed)
        table = pruning_verdicts(outcomes(records), resamples=400)
        alarms += (table["status"] == "illusion").any()
    assert alarms <= 4  # P(more than 4 of 20 at level 5 %) = 0.3 %


def test_rule_text_follows_its_parameters() -> None:
    text = " ".join(Rule(margin=0.07, alpha=0.01, floor=0.02).text)
    assert "±0.07" in text
    assert "level 0.01" in text
    assert "2%" in text
    with pytest.raises(AttributeError):
        Rule().margin = 0.2
