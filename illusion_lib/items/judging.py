"""How near an output comes to the right answer, in four measures, and which of them decides.

One measure is primary for each kind of answer, chosen in advance (`PRIMARY`): it fills ``correct``.
The others are stored beside it, so that a reader can see whether a result hangs on the choice.

References
----------
Exact match and character F1 follow SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250) and its
multilingual heirs, with two changes: characters instead of words, because Thai, Chinese and
Japanese do not write spaces, and in order (the longest common subsequence, as in ROUGE-L), so that
an anagram is no match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from illusion_lib.items.inflection import same_words
from illusion_lib.items.item import AnswerKind
from illusion_lib.items.matching import matches, without_article
from illusion_lib.items.sources import Measure
from illusion_lib.items.words import words

# Sentences are seldom repeated word for word, so that nothing would ever be contained.
PRIMARY: dict[AnswerKind, Measure] = {
    "name": "first_answer",
    "words": "first_answer",
    "number": "first_answer",
    "sentence": "nearest",
}
MEASURES: dict[Measure, str] = {
    "first_answer": "the first answer that the output commits itself to is right",
    "nearest": "its character F1 with a right answer is at least 0.5 and above that with any other",
}
_NEAR = 0.5
_LONGEST = 400  # characters of an output that are compared


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of the right answer in one output.

    Attributes
    ----------
    correct
        By the primary measure of the kind of answer.
    exact
        The output is an accepted form and nothing else (but for case, punctuation, accents,
        articles and grammatical endings).
    contains
        An accepted form occurs in it as whole words, whatever else it says.
    character_f1
        Largest character F1 with an accepted form, 0 to 1.
    """

    correct: bool
    exact: bool
    contains: bool
    character_f1: float


def judge(
    output: str,
    accepted: Sequence[str],
    rivals: Sequence[str],
    language: str,
    kind: AnswerKind = "name",
) -> Judgement:
    """Judge an output by every measure.

    Parameters
    ----------
    output
        What the model wrote.
    accepted, rivals
        Right answers, and answers that would be a different choice.
    language
        CLDR code, as in `illusion_lib.items.matching.matches`.
    kind
        What the answers look like: decides which measure is primary.

    Examples
    --------
    >>> judge("It is Vienna, not Prague.", ["Vienna"], ["Prague"], "en")
    Judgement(correct=True, exact=False, contains=True, character_f1=0.48)
    """
    nearness = nearest(output, accepted)
    if PRIMARY[kind] == "nearest":
        correct = nearness >= _NEAR and nearness > nearest(output, rivals)
    else:
        correct = matches(output, accepted, rivals, language)
    return Judgement(
        correct=correct,
        exact=any(is_exactly(output, form, language) for form in accepted),
        contains=matches(output, accepted, (), language, denials=False),
        character_f1=nearness,
    )


def is_exactly(output: str, form: str, language: str) -> bool:
    """Whether an output is one accepted form and nothing else."""
    written, wanted = (
        tuple(word.folded for word in without_article(words(text), language))
        for text in (output, form)
    )
    return bool(wanted) and len(written) == len(wanted) and same_words(written, wanted, language)


def nearest(output: str, forms: Sequence[str]) -> float:
    """Return the largest character F1 of an output with any of the forms, 0 where there is none."""
    return max((character_f1(output, form) for form in forms), default=0.0)


def character_f1(first: str, second: str) -> float:
    """Return the F1 of the characters two texts share in order, without spaces and punctuation.

    Symmetric, 0 to 1; 1 where the texts have the same letters and digits but for case and accents.

    >>> character_f1("Bogotá", "bogota"), round(character_f1("Roma", "Rome"), 2)
    (1.0, 0.75)
    """
    return _character_f1(_letters(first), _letters(second))


def _letters(text: str) -> str:
    return "".join(word.folded for word in words(text))[:_LONGEST]


@lru_cache(maxsize=8192)
def _character_f1(first: str, second: str) -> float:
    if not first or not second:
        return 0.0
    if first == second:
        return 1.0
    return 2 * _common_subsequence(first, second) / (len(first) + len(second))


def _common_subsequence(first: str, second: str) -> int:
    """Return the length of the longest common subsequence (Hyyrö 2004, bit-parallel)."""
    places: dict[str, int] = {}
    for place, char in enumerate(first):
        places[char] = places.get(char, 0) | 1 << place
    everywhere = (1 << len(first)) - 1
    unmatched = everywhere
    for char in second:
        found = unmatched & places.get(char, 0)
        unmatched = (unmatched + found | unmatched - found) & everywhere
    return len(first) - unmatched.bit_count()
