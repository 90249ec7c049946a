"""Whether a question gives its answer away: country and answer share a stem in some language.

Words that are written apart share a stem of four letters, or of three that are at least three
quarters of the shorter word. Chinese and Japanese are compared by how the two names begin: by two
Han characters, or three katakana, for a capital, whose name is long; by one Han character, or two
katakana, for the other relations, whose answers are made from the country's first character
(法国 is France, 法语 French). A continent is also given away by its name within the country's.
"""

from __future__ import annotations

import unicodedata

from freezing.fact import Fact
from freezing.names import LANGUAGES
from illusion_lib.items.words import words

_UNSPACED = ("zh", "ja")
_PREFIXES = {"ar": ("ال",), "sw": ("ki", "u")}


def leaks(fact: Fact) -> dict[str, str]:
    """Return, for each language whose question gives the answer away, how it does."""
    found = {}
    for language in LANGUAGES:
        asked, answer = fact.asked[language], fact.answers[language]
        if language in _UNSPACED:
            stem = _shared_beginning(asked, answer, fact.relation)
        else:
            stem = _shared_word(asked, answer, _PREFIXES.get(language, ()))
        if stem:
            found[language] = f"{answer!r} shares the stem {stem!r} with {asked!r}"
    return found


def shared_stem(first: str, second: str) -> str:
    """Return the common beginning of two folded words if it is a stem, else an empty text."""
    stem = _common(first, second)
    enough = len(stem) >= 4 or (
        len(stem) == 3 and 4 * len(stem) >= 3 * min(len(first), len(second))
    )
    return stem if enough else ""


def _common(first: str, second: str) -> str:
    size = 0
    while size < min(len(first), len(second)) and first[size] == second[size]:
        size += 1
    return first[:size]


def _shared_word(asked: str, answer: str, prefixes: tuple[str, ...]) -> str:
    first, second = ([_bare(word.folded, prefixes) for word in words(t)] for t in (asked, answer))
    return next((stem for a in first for b in second if (stem := shared_stem(a, b))), "")


def _bare(word: str, prefixes: tuple[str, ...]) -> str:
    return word.removeprefix(next((p for p in prefixes if word.startswith(p)), ""))


def _shared_beginning(asked: str, answer: str, relation: str) -> str:
    asked, answer = (unicodedata.normalize("NFKC", text) for text in (asked, answer))
    if relation == "continent" and answer in asked:
        return answer
    stem = _common(asked, answer)
    han = bool(stem) and "CJK" in unicodedata.name(stem[0])
    enough = (1 if han else 2) + (relation == "capital")
    return stem if len(stem) >= enough else ""
