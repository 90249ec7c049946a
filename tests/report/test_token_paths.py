"""The stored question, token by token: whole, ordered and safely shown."""

import math

import pytest

from illusion_lib.errors import ReportError
from illusion_lib.report.figures.next_tokens import next_tokens, shown_tokens
from illusion_lib.report.token_paths import (
    answer_steps,
    option_steps,
    source_note,
    stored,
    token_text,
    two_formats,
)

IDS = [entry["item_id"] for entry in stored()["questions"]]


def both(item_id):
    return [path for _, path in two_formats(item_id).named()]


@pytest.mark.parametrize("item_id", IDS)
def test_stored_steps_agree_with_themselves(item_id):
    for path in both(item_id):
        for step in path.steps:
            values = [value for _, value in step.top]
            assert values == sorted(values, reverse=True)
            assert sum(map(math.exp, values)) <= 1 + 1e-6
            if step.gold_rank <= len(values):
                assert math.isclose(values[step.gold_rank - 1], step.gold_log_prob, abs_tol=1e-4)
            else:
                assert step.gold_log_prob <= values[-1]
        greedy = [s for s in path.steps if s.written is not None]
        assert all(step.written == step.top[0][0] for step in greedy), "greedy takes the likeliest"
        assert path.steps[path.slot].gold_rank == min(step.gold_rank for step in path.steps)


@pytest.mark.parametrize("item_id", IDS)
def test_options_end_in_the_pick_that_the_page_states(item_id):
    asked = two_formats(item_id)
    for path in both(item_id):
        assert len(path.options) == 4
        assert path.picked.total == max(sum(option.log_probs) for option in path.options)
    assert asked.dense.picked.text == asked.gold
    assert asked.pruned.picked.text in next_tokens(asked).caption.rpartition("pick")[2]


def test_the_page_has_a_kept_a_near_and_a_far_answer():
    ranks = [both(name)[1] for name in IDS]
    assert sorted(p.steps[p.slot].gold_rank for p in ranks)[0] == 1
    assert max(p.steps[p.slot].gold_rank for p in ranks) > 8


@pytest.mark.parametrize("item_id", IDS)
def test_figure_shows_the_right_token_even_far_down(item_id):
    for path in both(item_id):
        step = path.steps[path.slot]
        bars = shown_tokens(step)
        assert (step.gold_rank, step.gold_token) in [(rank, token) for rank, token, _ in bars]
        assert [rank for rank, _, _ in bars] == sorted(rank for rank, _, _ in bars)
    drawing = next_tokens(two_formats(item_id)).svg()
    assert 'aria-label="Bar charts' in drawing


def test_tables_escape_tokens_that_look_like_markup():
    shown = answer_steps(two_formats(IDS[0])).content + option_steps(two_formats(IDS[1])).content
    assert "<|im_end|>" not in shown
    assert "␣Jak" in shown
    assert shown.count("picked</bdi>") == 2
    assert token_text(" a\nb") == "␣a⏎b"


def test_provenance_is_told():
    note = source_note().content
    assert stored()["weights"]["dense"][:12] in note
    assert "tools/token_paths.py" in note


def test_unknown_question_is_refused():
    with pytest.raises(ReportError, match="no token path of 'capital/XX/en'"):
        two_formats("capital/XX/en")
