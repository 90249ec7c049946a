"""The close calls of the matcher are found, explained, counted and shown as text."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from illusion_lib.items.judging import judge
from illusion_lib.report.audit import REASONS, audit_counts, audit_table, close_calls

GOLD, ACCEPTED, RIVALS = "Vienna", ("Vienna", "Wien"), ("Prague", "Rome")


def record(output, probe="open", **rest):
    judged = judge(output, ACCEPTED, RIVALS, "en", rest.pop("kind", "name"))
    return {
        "language": "en",
        "item_id": "capital/AT/en",
        "question": "What is the capital of Austria?",
        "gold": GOLD,
        "output": output,
        "probe": probe,
        "target": "gold",
        "correct": judged.correct,
        "exact": judged.exact,
        "contains": judged.contains,
        "character_f1": judged.character_f1,
        **rest,
    }


RECORDS = pd.DataFrame(
    [
        record("Vienna."),
        record("WIEN"),
        record("It is Vienna, on the Danube."),
        record("It is Vienna, on the Danube.", "candidates"),
        record("Prague or Vienna"),
        record("Vienn"),
        record("Rome"),
        record("Vienna beautiful", kind="sentence", language="de"),
        record("Viena it is", kind="sentence"),
        record("Vienn", target="distractor"),
        record("Vienn", "beam"),
        record("Vienn") | {"correct": None},
    ]
)


@pytest.mark.parametrize(
    ("answer", "decision", "why"),
    [
        ("WIEN", "right", "other form"),
        ("It is Vienna, on the Danube.", "right", "within more"),
        ("Prague or Vienna", "wrong", "said, not given"),
        ("Vienn", "wrong", "nearly spelt"),
        ("Viena it is", "right", "near enough"),
    ],
)
def test_each_close_call_has_its_reason(answer, decision, why):
    (call,) = close_calls(RECORDS).query("answer == @answer").itertuples()
    assert (call.decision, call.why) == (decision, why)


def test_clear_decisions_are_no_close_calls():
    answers = set(close_calls(RECORDS)["answer"])
    assert not answers & {"Vienna.", "Rome"}


def test_the_same_answer_is_listed_once_and_counted():
    calls = close_calls(RECORDS).set_index("answer")
    assert calls.loc["It is Vienna, on the Danube.", "times"] == 2
    assert calls.loc["Vienn", "times"] == 1  # neither controls nor several answers


def test_reasons_come_in_order():
    places = close_calls(RECORDS)["why"].map(list(REASONS).index)
    assert places.is_monotonic_increasing


def test_the_tables_count_and_escape():
    records = pd.concat([RECORDS, pd.DataFrame([record("<b>Vienna</b> & $x$")])])
    counts, shown = audit_counts(records).content, audit_table(records).content
    assert "nearly spelt" in counts
    assert "&lt;b&gt;Vienna&lt;/b&gt; &amp; $x$" in shown
    assert "<b>" not in shown
    assert shown.count('data-item="capital/AT/en"') == shown.count("<tr>") - 1, "each leads on"


def test_every_language_and_every_answer_is_counted_once():
    clear = [record("Rome", probe, language="fr") for probe in ("open", "gold_only")]
    text = audit_counts(pd.concat([RECORDS, pd.DataFrame(clear)])).content
    cells = [re.findall(r"<t[dh]\b.*?</t[dh]>", row) for row in text.split("<tr>")[1:]]
    rows = [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in cells]
    counts = {row[0]: row[2:] for row in rows}
    assert counts["close call"] == ["de", "en", "fr"]
    assert list(counts)[1:] == [*REASONS, "no doubt"]
    assert counts["no doubt"] == ["0", "2", "1"]
    assert sum(int(n) for name in list(counts)[1:] for n in counts[name]) == 9
    assert "6 of the 9 different answers" in text


def test_no_more_than_asked_for_of_each_kind():
    many = pd.DataFrame([record(f"Vienna {i}") for i in range(9)])
    assert audit_table(many, each=3).content.count("<tr>") - 1 == 3


def test_records_without_measures_have_no_audit():
    bare = RECORDS.drop(columns=["exact"])
    assert close_calls(bare).empty
    assert "run the study again" in audit_counts(bare).content
