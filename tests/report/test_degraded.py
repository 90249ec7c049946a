"""Fallbacks and batch dependence are told in words, with their numbers, or said to be absent."""

from types import SimpleNamespace

import pandas as pd
import pytest

from illusion_lib.report.degraded import batch_dependence, degraded
from illusion_lib.report.provenance import cell_summary, study_summary

FRAME = pd.DataFrame({"item_id": ["a", "a", "b"], "truncated_prompt": [False, False, False]})


def cell(**manifest):
    usual = {"memory_halvings": 0, "scoring_path": "packed", "dtype": "float32", "batch_flips": {}}
    return SimpleNamespace(manifest=SimpleNamespace(**usual | manifest))


def test_nothing_fell_back():
    assert degraded([cell()], FRAME).startswith("nothing")


def test_every_fallback_is_named_with_its_number():
    cut = FRAME.assign(truncated_prompt=[True, True, False])
    cells = [cell(memory_halvings=3), cell(scoring_path="recompute"), cell(scoring_path="expanded")]
    text = degraded(cells, cut)
    assert "memory ran out 3 times" in text
    assert "1 of 3 cells scored each option with its whole prompt" in text
    assert "1 of 3 cells scored each option with a copy" in text
    assert "1 of 2 questions had a prompt" in text
    assert "the cell scored" in degraded([cell(scoring_path="expanded")], FRAME)
    assert "memory ran out once" in degraded([cell(memory_halvings=1)], FRAME)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_flips_are_shares_of_what_was_asked_both_ways(dtype):
    flips = [
        {"items": 40, "choice": 1, "open": 3, "nats": 0.71},
        {"items": 40, "choice": 3, "open": 5, "nats": 0.25},
    ]
    text = batch_dependence([cell(dtype=dtype, batch_flips=one) for one in flips])
    assert dtype in text
    assert "of 80 questions" in text
    assert "up to 0.71 nats" in text
    assert "5\N{NO-BREAK SPACE}% had another option picked" in text
    assert "10\N{NO-BREAK SPACE}% another answer" in text


def test_what_was_not_measured_is_said():
    assert "not measured" in batch_dependence([cell(dtype="bfloat16")])
    assert "no record depends on the batch" in batch_dependence([cell(), cell()])


def test_both_stand_in_the_summaries(study_result):
    for shown in (cell_summary(study_result).content, study_summary(study_result).content):
        assert "memory sufficed and no prompt was cut" in shown
        assert "in float32 no record depends on the batch" in shown
