"""Sharing first steps changes no result, and no caller can spoil what another one gets."""

import pandas as pd
import pytest

from illusion_lib import divergence
from illusion_lib.divergence import frames
from illusion_lib.divergence.answers import Answers, shared
from tests.divergence.conftest import planted_records

ANALYSES = (
    divergence.tidy,
    divergence.outcomes,
    divergence.accuracy,
    divergence.reached,
    divergence.recovery,
    divergence.excess_recovery,
    divergence.budget_curve,
    divergence.item_fates,
    divergence.fate_counts,
    divergence.predictions,
    divergence.asking,
    divergence.shift,
)


@pytest.fixture(scope="module")
def records():
    return planted_records(n=12)


@pytest.mark.parametrize("analysis", ANALYSES, ids=lambda each: each.__name__)
def test_each_analysis_says_the_same(records, analysis):
    answers = Answers(records)
    expected = analysis(records)
    pd.testing.assert_frame_equal(analysis(answers), expected)
    pd.testing.assert_frame_equal(analysis(answers), expected)


def test_a_step_is_made_once_for_each_setting(records):
    made = []

    @shared
    def step(given, limit=10):
        made.append(limit)
        return pd.DataFrame({"limit": [limit]})

    answers = Answers(records)
    for limit in (10, 10, 3):
        assert step(answers, limit)["limit"].item() == limit
    step(answers)
    step(answers, limit=3)
    assert made == [10, 3]
    step(records)
    step(records)
    assert made == [10, 3, 10, 10]


def test_what_one_caller_changes_another_does_not_see(records):
    answers = Answers(records)
    items = divergence.outcomes(answers)
    items["outcome"] = "neither"
    items.loc[:, "label"] = "changed"
    items.loc[items.index[:3], "produces"] = pd.NA
    pd.testing.assert_frame_equal(divergence.outcomes(answers), divergence.outcomes(records))


def test_the_table_is_brought_into_shape_once(records, monkeypatch):
    calls = []
    count = frames._refuse_doubled
    monkeypatch.setattr(frames, "_refuse_doubled", lambda frame: (calls.append(1), count(frame))[1])
    answers = Answers(records)
    for analysis in (divergence.recovery, divergence.predictions, divergence.accuracy):
        analysis(answers)
    assert len(calls) == 1
