"""Each measure says what its name says, and the primary one of a kind decides."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.items.item import AnswerKind
from illusion_lib.items.judging import PRIMARY, character_f1, is_exactly, judge, nearest


def subsequence(first, second):
    """The textbook dynamic programme: length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for a in first:
        before = row
        row = [0]
        for j, b in enumerate(second):
            row.append(before[j] + 1 if a == b else max(before[j + 1], row[j]))
    return row[-1]


@settings(deadline=None)
@given(st.text("abcd", max_size=30), st.text("abcd", max_size=30))
def test_character_f1_equals_the_textbook(first, second):
    total = len(first) + len(second)
    expected = 2 * subsequence(first, second) / total if first and second else 0.0
    assert character_f1(first, second) == pytest.approx(expected)
    assert character_f1(second, first) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("New Delhi", "new-delhi!", 1.0),
        ("Bogotá", "Bogota", 1.0),
        ("巴黎", "巴黎。", 1.0),
        ("東京都", "東京", 0.8),
        ("กรุงเทพ", "กรุงเทพ", 1.0),
        ("١٩٩٠", "1990", 1.0),
        ("Roma", "Amor", 0.25),  # an anagram is no match
        ("", "Paris", 0.0),
    ],
)
def test_character_f1_by_hand(first, second, expected):
    assert character_f1(first, second) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("output", "form", "language", "exact"),
    [
        ("Paris.", "Paris", "en", True),
        ("It is Paris", "Paris", "en", False),
        ("The Hague", "Hague", "en", True),
        ("el Cairo", "Cairo", "es", True),
        ("Москве", "Москва", "ru", True),
        ("Ankara'dır", "Ankara", "tr", False),  # the apostrophe parts a second word
        ("बीजिंग", "बीजिंग", "hi", True),
        ("...", "?", "en", False),
    ],
)
def test_exact(output, form, language, exact):
    assert is_exactly(output, form, language) == exact


def test_contains_does_not_mind_rivals_and_denials():
    for output in ("Rome or Paris", "It is not Paris"):
        judged = judge(output, ["Paris"], ["Rome"], "en")
        assert judged.contains
        assert not judged.correct
        assert not judged.exact


def test_every_kind_has_a_primary_measure():
    assert set(PRIMARY) == set(get_args(AnswerKind))


def test_a_sentence_is_right_where_it_is_nearer_to_a_right_one():
    right = ["You will digest the watermelon seeds."]
    wrong = ["A watermelon grows in your stomach."]
    near = "You will simply digest the seeds."
    assert judge(near, right, wrong, "en", "sentence").correct
    assert not judge(near, right, wrong, "en", "words").correct
    assert not judge(
        "A watermelon will grow in the stomach", right, wrong, "en", "sentence"
    ).correct
    assert not judge("Nothing", right, wrong, "en", "sentence").correct


def test_nothing_is_near_no_form():
    assert nearest("Paris", ()) == 0.0


@settings(deadline=None)
@given(st.text(max_size=40), st.lists(st.text(max_size=12), max_size=3))
def test_measures_are_ordered(output, accepted):
    judged = judge(output, accepted, (), "en")
    assert 0.0 <= judged.character_f1 <= 1.0
    if judged.exact:
        assert judged.contains
    if judged.correct:
        assert judged.contains
