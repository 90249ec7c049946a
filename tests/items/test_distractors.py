"""Distractors keep every rule that their module states, whatever the facts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.items.distractors import Fact, answer_type, choose_distractors, flaw
from illusion_lib.items.matching import matches
from illusion_lib.items.words import words

LANGUAGES = ("en", "zh")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1066", "date"),
        ("14 March 1879", "date"),
        ("1185年", "date"),
        ("١٩٩٠", "date"),
        ("7,000,000", "number"),
        ("15 %", "number"),
        ("२५", "number"),
        ("Larry Ellison", "name"),
        ("Αθήνα", "name"),
        ('"Planet of Giants"', "name"),
        ("the Broncos", "other"),
        ("巴黎", "other"),
    ],
)
def test_types(text, kind):
    assert answer_type(text) == kind


def fact(key, golds, passage="p", question="Who is it?", aliases=()):
    return Fact(
        key,
        LANGUAGES[: len(golds)],
        (passage,) * len(golds),
        (question,) * len(golds),
        tuple((gold, *aliases) for gold in golds),
    )


def others(*golds, **rest):
    """Return one fact per gold, each on a passage of its own."""
    return [fact(f"o{i}", (gold,), f"passage {i}", **rest) for i, gold in enumerate(golds)]


def chosen(first, rest):
    found = choose_distractors([first, *rest]).get(first.id)
    return found and {other.golds[0] for other in found}


def test_type_length_and_overlap_are_kept():
    pool = others(
        "Rome", "Lima", "Oslo", "1999", "a town", "Paris Hilton", "Konstantinopolis", "Pari"
    )
    assert chosen(fact("x", ("Paris",)), pool) == {"Rome", "Lima", "Oslo"}


def test_answers_of_the_same_passage_are_never_distractors():
    mine = fact("x", ("Paris",), "shared")
    neighbour = fact("y", ("Lyon",), "shared", aliases=("Oslo",))
    pool = others("Rome", "Lima", "Oslo", "Bern")
    assert chosen(mine, [neighbour, *pool]) == {"Rome", "Lima", "Bern"}
    assert chosen(mine, [neighbour, *pool[:3]]) is None  # two are left: not asked


def test_what_the_question_names_is_no_option():
    mine = fact("x", ("Paris",), question="Is it larger than Oslo?")
    assert chosen(mine, others("Rome", "Lima", "Oslo", "Bern")) == {"Rome", "Lima", "Bern"}


def test_an_answer_that_stands_in_the_passage_comes_first():
    mine = fact("x", ("Paris",), "From Quito they went to Paris.")
    pool = others("Rome", "Lima", "Oslo", "Bern", "Riga", "Kiev", "Baku", "Quito")
    assert "Quito" in chosen(mine, pool)


def test_questions_that_open_alike_come_next():
    mine = fact("x", ("Ada",), question="Who wrote it?")
    alike = others("Bob", "Eve", "Dan")
    unlike = [fact(f"u{i}", (g,), f"u{i}", "Where is it?") for i, g in enumerate(("Ulm", "Rio"))]
    assert chosen(mine, [*unlike, *alike]) == {"Bob", "Eve", "Dan"}


def test_a_leak_and_an_unmatchable_answer_are_flaws():
    assert flaw(fact("x", ("Paris",))) is None
    assert flaw(fact("x", ("Paris",), question="Where is Paris?"))[0] == "leak"
    assert flaw(fact("x", ("?!",)))[0] == "unmatchable"


NAMES = ["Rome", "Lima", "Oslo", "New York", "York", "Bern", "Baku", "Riga", "Kiev"]
NUMBERS = ["1999", "1850", "2001", "1700", "7", "12", "27", "31", "64"]
TEXT = st.sampled_from([*NAMES, *NUMBERS, "a hill", "the sea", "some rain", "a dog", "a cat"])
FACTS = st.lists(
    st.tuples(TEXT, TEXT, st.integers(0, 9), st.lists(TEXT, max_size=1)), min_size=4, max_size=30
)


@settings(deadline=None, max_examples=60)
@given(FACTS, st.randoms(use_true_random=False))
def test_every_rule_holds_in_every_language(rows, shuffle):
    facts = [
        fact(str(i), (one, two), f"passage {place}", aliases=tuple(aliases))
        for i, (one, two, place, aliases) in enumerate(rows)
    ]
    by_id = choose_distractors(facts)
    mixed = list(facts)
    shuffle.shuffle(mixed)
    assert choose_distractors(mixed) == by_id
    for key, wrong in by_id.items():
        assert len(wrong) == 3
        check(next(f for f in facts if f.id == key), wrong, facts)


def check(asked: Fact, wrong, facts) -> None:
    """Re-state the rules with the matcher and plain strings."""
    for i, language in enumerate(asked.languages):
        options = [other.golds[i] for other in wrong]
        right = [t for f in facts if f.passages[0] == asked.passages[0] for t in f.accepted[i]]
        for option in options:
            gold = asked.golds[i]
            assert not matches(option, right, (), language)
            assert all(not matches(text, [option], (), language) for text in right)
            assert not matches(asked.questions[i], [option], (), language)
            assert len(option) <= max(2 * len(gold), len(gold) + 3)
            assert len(gold) <= max(2 * len(option), len(option) + 3)
            numeric = [answer_type(text) in ("date", "number") for text in (gold, option)]
            assert numeric[0] == numeric[1]
        keys = ["".join(w.folded for w in words(option)) for option in options]
        assert all(a not in b for a in keys for b in keys if a is not b)


def test_a_large_group_finds_distractors_for_all():
    letters = random.Random(0)
    names = ["".join(letters.choices("abcdefghij", k=8)).title() for _ in range(200)]
    assert len(choose_distractors(others(*names))) == 200
