"""Which other facts' answers are a fact's wrong options, the same facts in every language."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from freezing.fact import Fact
from freezing.names import LANGUAGES, WITH_PHRASE
from illusion_lib.items.words import words

COUNT = 3
NEAREST = 8  # candidates, by length of the name, among which the distractors are drawn
SEED = 0


def options_by_length(kept: Sequence[Fact]) -> dict[str, tuple[Fact, ...]]:
    """Return for each fact three others, where every fact has its own answer.

    Of the continent's answers with names about as long (of all continents where it has too few),
    those are taken that have been distractors least often, ties broken by a seeded hash. The
    choice is made over the languages of `WITH_PHRASE`, which came first: options that have been
    measured with stay as they are. Every language checks it.
    """
    used: Counter[str] = Counter()
    chosen: dict[str, tuple[Fact, ...]] = {}
    for fact in _drawn(kept):
        others = [o for o in kept if o is not fact and tell_apart(fact, o, WITH_PHRASE)]
        near = [other for other in others if other.near == fact.near]
        pool = near if len(near) >= COUNT else others
        pool = sorted(pool, key=lambda other: (_length_gap(fact, other), other.country))[:NEAREST]
        pool.sort(key=lambda other: (used[other.country], _draw(fact.country, other.country)))
        chosen[fact.id] = tuple(pool[:COUNT])
        if not all(tell_apart(fact, other) for other in chosen[fact.id]):
            raise SystemExit(f"{fact.id}: an option overlaps with the answer in some language")
        used.update(other.country for other in chosen[fact.id])
    return chosen


def options_by_answer(
    kept: Sequence[Fact], also_true: Mapping[str, frozenset[str]]
) -> dict[str, tuple[Fact, ...]]:
    """Return for each fact three others with different answers, where facts share answers.

    Answers of the same continent come first, then those used least often, then a seeded hash.
    Answers that overlap with one another or that are true as well are passed over.

    Parameters
    ----------
    kept
        The facts, each with an answer's code.
    also_true
        By country, codes of answers that are right or defensible besides the gold.
    """
    used: Counter[str] = Counter()
    chosen: dict[str, tuple[Fact, ...]] = {}
    for fact in _drawn(kept):
        near = {other.answer for other in kept if other.near == fact.near}
        pool = {other.answer: other for other in reversed(kept)}  # one fact stands for each answer
        ranked = sorted(
            (pool[code] for code in pool.keys() - also_true.get(fact.country, frozenset())),
            key=lambda other: (
                other.answer not in near,
                used[other.answer],
                _draw(fact.country, other.answer),
            ),
        )
        found: list[Fact] = []
        for other in ranked:
            if len(found) < COUNT and all(tell_apart(one, other) for one in (fact, *found)):
                found.append(other)
        if len(found) < COUNT:
            raise SystemExit(f"{fact.id}: only {len(found)} answers are apart and wrong")
        chosen[fact.id] = tuple(found)
        used.update(other.answer for other in found)
    return chosen


def tell_apart(fact: Fact, other: Fact, languages: Sequence[str] = LANGUAGES) -> bool:
    """Whether no accepted form of one contains an accepted form of the other, in any language."""
    pairs = (
        (f" {_spoken(mine)} ", f" {_spoken(theirs)} ")
        for language in languages
        for mine in fact.accepted(language)
        for theirs in other.accepted(language)
    )
    return not any(mine in theirs or theirs in mine for mine, theirs in pairs)


@cache
def _spoken(form: str) -> str:
    """Return a name as the matcher reads it."""
    return " ".join(word.folded for word in words(form))


def _drawn(kept: Sequence[Fact]) -> list[Fact]:
    return sorted(kept, key=lambda fact: _draw(fact.country, "order"))


def _draw(*parts: str) -> str:
    """Return a seeded pseudo-random sort key."""
    return hashlib.sha256("/".join((str(SEED), *parts)).encode()).hexdigest()


def _length_gap(fact: Fact, other: Fact) -> int:
    """Return how far two answers differ in length, summed over languages."""
    return sum(abs(len(fact.answers[code]) - len(other.answers[code])) for code in WITH_PHRASE)
