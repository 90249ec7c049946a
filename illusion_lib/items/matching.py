"""Whether an output gives the right answer, judged by the words of its language.

The rule: an accepted form occurs as whole words, is not denied, and no rival occurs before it.
Spelling is compared without case, accents and vowel points, and grammatical endings are followed
as far as `illusion_lib.items.inflection` goes; where gold and rival differ by an accent alone, the
accent decides. Of overlapping forms the longer one is what was said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from illusion_lib.items.inflection import same_words
from illusion_lib.items.words import Word, words

_ARTICLES: dict[str, frozenset[str]] = {
    "en": frozenset({"the", "a", "an"}),
    "es": frozenset({"el", "la", "los", "las"}),
    "fr": frozenset({"le", "la", "les", "l"}),
    "de": frozenset({"der", "die", "das", "den", "dem"}),
    "it": frozenset({"il", "lo", "la", "i", "gli", "le", "l"}),
    "pt": frozenset({"o", "a", "os", "as"}),
    "nl": frozenset({"de", "het"}),
}
# Folded words that deny what follows them within two words of the same clause ("it is not in X");
# "t" is the end of "isn't".
_DENYING: dict[str, frozenset[str]] = {
    "en": frozenset({"not", "t", "never", "neither", "nor"}),
    "es": frozenset({"no", "nunca", "ni"}),
    "fr": frozenset({"pas", "jamais", "ni"}),
    "de": frozenset({"nicht", "nie", "kein", "keine", "weder"}),
    "it": frozenset({"non", "mai"}),
    "pt": frozenset({"nao", "nunca", "nem"}),
    "nl": frozenset({"niet", "nooit", "geen", "noch"}),
    "ru": frozenset({"не", "ни", "никогда"}),
    "id": frozenset({"bukan", "bukanlah", "tidak"}),
}
# Folded words that deny what stands right before them ("X is not ...").
_DENIED: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (("is", "not"), ("was", "not"), ("isn", "t"), ("wasn", "t"), ("is", "never")),
    "es": (("no", "es"), ("no", "era"), ("no", "fue"), ("nunca", "fue")),
    "fr": (("n", "est"), ("n", "etait")),
    "de": (("ist", "nicht"), ("war", "nicht"), ("ist", "keine"), ("war", "nie")),
    "it": (("non", "e"), ("non", "era")),
    "pt": (("nao", "e"), ("nao", "era"), ("nao", "foi")),
    "nl": (("is", "niet"), ("was", "niet"), ("is", "geen")),
    "ru": (("не", "является"), ("не", "столица"), ("не", "была")),
    "id": (("bukan", "ibu"), ("bukanlah", "ibu"), ("tidak", "benar")),
}
_ONLY = frozenset(
    {"only", "just", "solo", "solamente", "seulement", "nur", "soltanto", "somente", "apenas"}
    | {"alleen", "только", "hanya", "saja"}
)


@dataclass(frozen=True, slots=True)
class _Form:
    """An answer as words, and whether it is an accepted one."""

    exact: tuple[str, ...]
    folded: tuple[str, ...]
    right: bool


@dataclass(frozen=True, slots=True)
class _Mention:
    """Where a form occurs in the output: words [start, stop)."""

    start: int
    stop: int
    right: bool
    exact: bool


def matches(
    output: str,
    accepted: Sequence[str],
    rivals: Sequence[str],
    language: str,
    *,
    denials: bool = True,
) -> bool:
    """Whether `output` gives an accepted answer before it names any rival.

    Parameters
    ----------
    output
        What the model wrote; nothing of the question.
    accepted
        The gold answer and its aliases.
    rivals
        Wrong answers that would be a different choice when named first: the distractors.
    language
        CLDR code: which articles may be dropped, which endings are followed, and which words deny
        ("Paris is not ..."). Negation is read in en, es, fr, de, it, pt, nl, ru and id only.
    denials
        Whether an answer that is denied does not count.

    Returns
    -------
    bool
        True when the first answer that the output commits itself to is an accepted one. An output
        that lists every option is therefore judged by the first of them.

    Examples
    --------
    >>> matches("It is Vienna.", ["Vienna"], ["Prague"], "en")
    True
    >>> matches("Prague, or maybe Vienna.", ["Vienna"], ["Prague"], "en")
    False
    """
    text = words(output)
    forms = [*_forms(accepted, True, language), *_forms(rivals, False, language)]
    mentions = [mention for form in forms for mention in _mentions(text, form, language)]
    said = [m for m in mentions if not any(_beats(other, m) for other in mentions)]
    kept = [m for m in said if not (denials and _denied(text, m, language))]
    return bool(kept) and min(kept, key=lambda m: (m.start, -m.stop, m.right)).right


def without_article(text: tuple[Word, ...], language: str) -> tuple[Word, ...]:
    """Return the words of an answer without a leading article."""
    return text[1:] if len(text) > 1 and text[0].folded in _ARTICLES.get(language, ()) else text


def _forms(answers: Sequence[str], right: bool, language: str) -> Iterator[_Form]:
    """Yield each answer, without its leading article: "El Cairo" is found in "del Cairo"."""
    for answer in answers:
        found = without_article(words(answer), language)
        if found:
            yield _Form(
                tuple(word.exact for word in found), tuple(word.folded for word in found), right
            )


def _mentions(text: Sequence[Word], form: _Form, language: str) -> Iterator[_Mention]:
    size = len(form.folded)
    for start in range(len(text) - size + 1):
        stop = start + size
        found = tuple(word.folded for word in text[start:stop])
        if not same_words(found, form.folded, language):
            continue
        if text[start].glued or (stop < len(text) and text[stop].glued):
            continue
        exact = tuple(word.exact for word in text[start:stop]) == form.exact
        yield _Mention(start, stop, form.right, exact)


def _beats(other: _Mention, mention: _Mention) -> bool:
    """Whether `other` covers `mention`: longer, or as long and truer to the accents."""
    if other.right == mention.right:
        return False
    if not (other.start <= mention.start and mention.stop <= other.stop):
        return False
    longer = other.stop - other.start > mention.stop - mention.start
    return longer or (other.exact and not mention.exact)


def _denied(text: Sequence[Word], mention: _Mention, language: str) -> bool:
    """Whether the mention is denied: "not X", "it is not in X", "X is not"."""
    clause = text[mention.start].clause
    before = [w for w in text[max(0, mention.start - 2) : mention.start] if w.clause == clause]
    denying = any(word.folded in _DENYING.get(language, ()) for word in before)
    if denying and not any(word.folded in _ONLY for word in before):
        return True
    clause = text[mention.stop - 1].clause
    after = [w.folded for w in text[mention.stop : mention.stop + 4] if w.clause == clause]
    if _ONLY.intersection(after):  # "X is not only the capital, but ..."
        return False
    return tuple(after[:2]) in _DENIED.get(language, ())
