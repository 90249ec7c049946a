"""The tables behind the verdict: every one defined, worded and free of NaN, also on thin data."""

import re

import pandas as pd
import pytest

from illusion_lib import divergence
from illusion_lib.report import evidence
from illusion_lib.report.asking import asking_table, control_table
from illusion_lib.report.fates import fates_table


@pytest.fixture(scope="module")
def paired(records):
    return divergence.pairs(divergence.outcomes(records))


UNDEFINED = re.compile(r"\b(nan|inf|None|<NA>)\b")


def text_of(shown):
    return re.sub(r"<[^>]+>", " ", shown.content)


def shown_tables(records):
    items = divergence.outcomes(records)
    paired = divergence.pairs(items)
    return {
        "changes": evidence.changes_table(divergence.changes(paired, resamples=200)),
        "gaps": evidence.gaps_table(divergence.gaps(items, resamples=200), corrected=True),
        "raw gaps": evidence.gaps_table(divergence.gaps(items, resamples=200), corrected=False),
        "recognition": evidence.recognition_table(divergence.recognition_only_rate(items)),
        "interactions": evidence.interactions_table(paired),
        "trend": evidence.trend_table(paired),
        "fates": fates_table(records),
        "draws": evidence.draws_table(paired),
        "power": evidence.power_table(paired),
        "unpaired": evidence.unpaired_note(items),
    }


def test_every_table_is_defined(records):
    for name, shown in shown_tables(records).items():
        assert not UNDEFINED.search(text_of(shown)), name
        assert len(text_of(shown)) > 60, name


def test_a_model_that_says_nothing_gives_words_not_nan(records):
    mute = records[records["cell"].isin(["dense", "wanda-s050"])].copy()
    mute.loc[mute["probe"] == "open", "correct"] = False
    for name, shown in shown_tables(mute).items():
        assert not re.search(r"\b(nan|inf|None|<NA>)\b", re.sub("<[^>]+>", " ", shown.content)), (
            name
        )


def test_changes_agree_with_the_counts(records, paired):
    rows = divergence.changes(paired, resamples=200)
    first = rows[(rows["language"] == "all") & (rows["format"] == "open")].iloc[0]
    content = evidence.changes_table(rows).content
    assert f"{first['right_to_wrong']} / {first['wrong_to_right']}" in content


def test_missing_answers_are_named(records):
    gone = records["item_id"] == records["item_id"].iloc[0]
    lacking = records[~(gone & (records["cell"] == "wanda-s050") & (records["probe"] == "open"))]
    assert ": 1 of " in evidence.unpaired_note(divergence.outcomes(lacking)).content


def test_one_draw_is_said_to_be_one(paired):
    assert "one draw" in evidence.draws_table(paired).content
    twice = paired.assign(calibration_seed=(paired.groupby("cell").cumcount() % 2))
    assert "spread between draws" in evidence.draws_table(twice).content


def test_other_ways_of_asking_are_shown_where_asked(records):
    assert "three main ways only" in asking_table(records).content
    letters = records[records["probe"] == "choice"].assign(probe="letter", agreement=0.75)
    kl = letters.assign(probe="kl", correct=None, kl_dense=0.5)
    shown = asking_table(pd.concat([records, letters, kl], ignore_index=True))
    assert "picks its letter" in shown.content
    assert not UNDEFINED.search(text_of(shown))


def test_the_control_is_the_share_of_a_wrong_answer(records):
    assert "run the study again" in control_table(records).content
    asked = records[records["probe"].isin(["open", "choice"]) & (records["target"] == "gold")]
    wrong = asked.assign(target="distractor", correct=False)
    wrong.loc[wrong["item_id"] == wrong["item_id"].iloc[0], "correct"] = True
    both = pd.concat([records, wrong], ignore_index=True)
    shares = divergence.asking(both, target="distractor")
    item_count = records["item_id"].nunique()
    overall = shares[shares["language"] == "all"]
    assert overall["share"].to_numpy(float) == pytest.approx(1 / item_count)
    assert control_table(both).content.count("<tr>") - 1 == records["cell"].nunique()
    # The control changes nothing in what is counted as right.
    pd.testing.assert_frame_equal(divergence.asking(both), divergence.asking(records))
    pd.testing.assert_frame_equal(divergence.outcomes(both), divergence.outcomes(records))
