"""Which other answers serve as a question's wrong options, the same facts in every language.

A distractor is the gold answer of another fact. In every language of the set it

* is of the gold's type: with a year, with another number, or with neither; and a name or not;
* has about the gold's length: at most twice or half its characters, or three off;
* does not overlap with an accepted answer to any question on the same passage, in either
  direction and in part of a word, so that no option is right in part;
* is not named in the question, and does not overlap with another option.

Of those left, the first three are taken: an answer that occurs in the passage, then one whose
question opens with the same word in most languages ("Who ..."), then the closest length, then a
fixed pseudo-random order. Nothing depends on a seed, on the languages asked
for or on whether the passage is shown: the options are frozen with the set.

A number is told by its digits, a name by capitals at both ends in most languages that have them;
no other knowledge of a language is used. Few answers of another passage occur in a passage too, so
where the passage is shown the gold is mostly the only option that stands in it: compare with the
closed book.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from illusion_lib.items.matching import matches
from illusion_lib.items.words import words

COUNT = 3
_FACTOR, _SLACK = 2.0, 3  # length: at most this factor, or this many characters, off
_STEPS = 4  # lengths closer than a quarter of a factor of e count as equally close


@dataclass(frozen=True, slots=True)
class Fact:
    """A question with its passage, in every language of a set (aligned tuples).

    Attributes
    ----------
    id
        The fact's id, in all languages the same.
    languages
        CLDR codes.
    passages, questions
        Texts, one per language.
    accepted
        Right answers per language, the gold first.
    """

    id: str
    languages: tuple[str, ...]
    passages: tuple[str, ...]
    questions: tuple[str, ...]
    accepted: tuple[tuple[str, ...], ...]

    @property
    def golds(self) -> tuple[str, ...]:
        """The gold answer in each language."""
        return tuple(forms[0] for forms in self.accepted)


def answer_type(text: str) -> str:
    """Return ``date``, ``number``, ``name`` or ``other``, told by digits and capitals alone.

    >>> [answer_type(text) for text in ("May 1980", "15 %", "Larry Ellison", "a spring")]
    ['date', 'number', 'name', 'other']
    """
    numbers = [word.exact for word in words(text) if any(map(str.isdecimal, word.exact))]
    if any(len(n) == 4 and n.isdecimal() and 1000 <= int(n) <= 2100 for n in numbers):
        return "date"
    if numbers:
        return "number"
    parts = [part.strip("\"'“”„«»(").strip() for part in text.split()]
    return "name" if parts[0][:1].isupper() and parts[-1][:1].isupper() else "other"


def flaw(fact: Fact) -> tuple[str, str] | None:
    """Return why a fact cannot be asked (kind and reason), None where it can."""
    for language, question, forms in zip(
        fact.languages, fact.questions, fact.accepted, strict=True
    ):
        if not matches(forms[0], forms, (), language):
            return "unmatchable", f"the answer does not match itself in {language}"
        if matches(question, forms, (), language):
            return "leak", f"the question names the answer in {language}"
    return None


def choose_distractors(facts: Sequence[Fact]) -> dict[str, tuple[Fact, ...]]:
    """Return, by fact id, the three facts whose golds are its distractors.

    Facts for which fewer than three keep the rules are absent. The order of `facts` does not
    matter.
    """
    fold = lru_cache(maxsize=None)(_folded)  # questions share passages
    forms = {fact.id: _Forms.of(fact, fold) for fact in facts}
    rivals: dict[str, list[str]] = defaultdict(list)
    groups: dict[tuple[object, ...], list[Fact]] = defaultdict(list)
    for fact in facts:
        rivals[fact.passages[0]].append(fact.id)
        groups[_kind(fact)].append(fact)
    chosen: dict[str, tuple[Fact, ...]] = {}
    for group in groups.values():
        for fact, candidates in _ranked(group, forms):
            same_passage = [forms[other] for other in rivals[fact.passages[0]]]
            found = _first_valid(forms[fact.id], same_passage, candidates, forms)
            if len(found) == COUNT:
                chosen[fact.id] = tuple(found)
    return chosen


@dataclass(frozen=True, slots=True)
class _Forms:
    """A fact's texts as padded folded words, per language: ``" new delhi "``."""

    golds: tuple[str, ...]
    accepted: tuple[tuple[str, ...], ...]
    questions: tuple[str, ...]
    passages: tuple[str, ...]

    @classmethod
    def of(cls, fact: Fact, fold: Callable[[str], str]) -> _Forms:
        accepted = tuple(tuple(fold(form) for form in forms) for forms in fact.accepted)
        return cls(
            tuple(forms[0] for forms in accepted),
            accepted,
            tuple(fold(text) for text in fact.questions),
            tuple(fold(text) for text in fact.passages),
        )


def _folded(text: str) -> str:
    return f" {' '.join(word.folded for word in words(text))} "


def _kind(fact: Fact) -> tuple[object, ...]:
    """Return a fact's type: what digits its answers hold per language, and if it is a name."""
    types = [answer_type(gold) for gold in fact.golds]
    digits = tuple(kind if kind in ("date", "number") else "" for kind in types)
    cased = [
        kind == "name"
        for kind, gold in zip(types, fact.golds, strict=True)
        if gold.lower() != gold.upper()
    ]
    return (*digits, 2 * sum(cased) > len(cased))


def _ranked(group: Sequence[Fact], forms: dict[str, _Forms]) -> Iterator[tuple[Fact, list[Fact]]]:
    """Yield each fact of one type with the others of about its length, best first."""
    size = np.array([[len(gold) for gold in fact.golds] for fact in group])  # (n, languages)
    opening = _codes([[form.split(" ", 2)[1] for form in forms[f.id].questions] for f in group])
    for row, fact in enumerate(group):
        ratio = np.abs(np.log(size) - np.log(size[row]))  # (n, languages)
        near = (ratio <= np.log(_FACTOR)) | (np.abs(size - size[row]) <= _SLACK)
        distance = np.floor(_STEPS * ratio.mean(axis=1))  # (n,)
        alike = 2 * (opening == opening[row]).sum(axis=1) > opening.shape[1]  # (n,)
        others = [
            (
                not _occurs(forms[group[i].id].golds, forms[fact.id].passages),
                not alike[i],
                distance[i],
                hashlib.sha256(f"{fact.id}\n{group[i].id}".encode()).digest(),
                i,
            )
            for i in np.flatnonzero(near.all(axis=1)).tolist()
            if i != row
        ]
        yield fact, [group[key[-1]] for key in sorted(others)]


def _codes(table: list[list[str]]) -> NDArray[np.int64]:
    """Return texts as numbers that are equal where the texts are, (rows, columns)."""
    return np.unique(np.array(table), return_inverse=True)[1].reshape(len(table), -1)


def _occurs(golds: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether an answer stands in a text as whole words, in every language."""
    return all(gold in text for gold, text in zip(golds, texts, strict=True))


def _first_valid(
    fact: _Forms, same_passage: Sequence[_Forms], ranked: Sequence[Fact], forms: dict[str, _Forms]
) -> list[Fact]:
    """Return the first candidates that overlap with no right answer and with none before them."""
    taken = [
        [form.strip() for other in same_passage for form in other.accepted[i]]
        for i in range(len(fact.golds))
    ]
    found: list[Fact] = []
    for candidate in ranked:
        golds = forms[candidate.id].golds
        named = any(gold in text for gold, text in zip(golds, fact.questions, strict=True))
        if named or any(
            _overlap(gold.strip(), form)
            for gold, forms_ in zip(golds, taken, strict=True)
            for form in forms_
        ):
            continue
        found.append(candidate)
        if len(found) == COUNT:
            break
        for gold, forms_ in zip(golds, taken, strict=True):
            forms_.append(gold.strip())
    return found


def _overlap(first: str, second: str) -> bool:
    return first in second or second in first
