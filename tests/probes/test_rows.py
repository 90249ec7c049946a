"""A generated answer is stored with every measure, and the primary one decides."""

from __future__ import annotations

import dataclasses

import pytest

from illusion_lib.items import Item
from illusion_lib.probes import rows
from illusion_lib.probes.decode import Output
from illusion_lib.records import to_frame, to_table

ITEM = Item(
    id="capital/AT/en",
    parallel_id="capital/AT",
    language="en",
    relation="capital",
    question="What is the capital of Austria?",
    answer="Vienna",
    aliases=("Wien",),
    distractors=("Prague", "Bern", "Rome"),
    source="test",
)
ASKED = rows.Asked("Question", [1, 2], cut=False)


def told(text):
    return rows.Told(text, dataclasses.replace(EMPTY, tokens=[1]))


EMPTY = Output(
    **{f.name: False if f.name == "finished" else [] for f in dataclasses.fields(Output)}
)


@pytest.mark.parametrize(
    ("text", "correct", "exact", "contains"),
    [
        ("Wien.", True, True, True),
        ("It is Vienna, not Rome.", True, False, True),
        ("Prague or Vienna", False, False, True),
        ("Viena", False, False, False),
    ],
)
def test_one_answer(text, correct, exact, contains):
    record, _ = rows.generation(ITEM, "open", ASKED, told(text), 0.1)
    assert (record.correct, record.exact, record.contains) == (correct, exact, contains)
    assert 0.0 < record.character_f1 <= 1.0


def test_the_control_judges_the_same_answer_for_a_wrong_one():
    gold, wrong = rows.generation(ITEM, "open", ASKED, told("Prague."), 0.1)
    assert (gold.target, gold.correct, gold.exact) == ("gold", False, False)
    assert (wrong.target, wrong.correct, wrong.exact) == ("distractor", True, True)
    assert (gold.output, gold.prompt_hash) == (wrong.output, wrong.prompt_hash)
    # Another wrong answer is neither.
    assert not any(r.correct for r in rows.generation(ITEM, "open", ASKED, told("Bern"), 0.1))


def test_several_answers_store_the_first_and_count_all():
    gold, wrong = rows.recovery(
        ITEM, "beam", [ASKED], [told("Prague"), told("Vienna"), told("Wien")], 0.2
    )
    assert (gold.correct, gold.exact, gold.successes, gold.tries) == (True, False, 2, 3)
    assert (wrong.correct, wrong.exact, wrong.successes) == (True, True, 1)
    assert wrong.character_f1 == 1.0


def test_no_answer_is_no_judgement():
    gold, wrong = rows.recovery(ITEM, "one_shot", [], [], 0.2)
    assert gold.correct is None
    assert gold.exact is None
    frame = to_frame(to_table([gold, wrong]))
    assert frame[["exact", "contains", "character_f1"]].isna().all(axis=None)


def test_a_sentence_is_judged_by_nearness():
    item = dataclasses.replace(ITEM, kind="sentence", answer="It is Vienna on the Danube")
    record, _ = rows.generation(item, "open", ASKED, told("Vienna on the Danube it is"), 0.1)
    assert record.correct
    assert not record.exact
