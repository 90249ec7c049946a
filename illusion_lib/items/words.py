"""How a text is cut into words that can be compared across spellings and scripts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Scripts written without spaces: each character (with its marks) is a word of its own.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc\u31f0-\u31ff]")
# Marks that a writer may leave out: Latin, Greek and Cyrillic accents, Arabic and Hebrew vowel
# points, the Arabic tatweel and the Devanagari nukta. Indic and Thai vowel signs are letters.
_OPTIONAL_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u093c]"
)
_LETTERS_WITHOUT_ACCENT = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
    | {"ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك"}
)
_INITIALS = re.compile(r"\b([^\W\d_])\.(?=[^\W\d_]\b)")  # D.C. -> DC
_HYPHENS = "-\u2010\u2011"
_DECIMAL_MARKS = ".,٫"
_CLAUSE_ENDS = ".,;:!?()\n\u2013\u2014…。、，؟،؛！？"


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    Attributes
    ----------
    exact
        NFKC, case-folded, digits in ASCII.
    folded
        The same without optional marks: ``"asunción"`` becomes ``"asuncion"``.
    glued
        Whether a hyphen, a decimal mark or running katakana ties it to the word before: no name
        ends there, so ``"Guinea-Bissau"`` does not hold the word "Guinea".
    clause
        Number of the clause it stands in.
    """

    exact: str
    folded: str
    glued: bool
    clause: int


def normalise(text: str) -> str:
    """Return `text` in NFKC, case-folded, without invisible characters, digits in ASCII."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(char)))
        elif category != "Cf":
            kept.append(char)
    return "".join(kept)


def fold(text: str) -> str:
    """Return `text` without the marks that writers leave out (accents, vowel points)."""
    bare = _OPTIONAL_MARKS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS_WITHOUT_ACCENT)


@lru_cache(maxsize=8192)
def words(text: str) -> tuple[Word, ...]:
    """Cut `text` into words; white space, punctuation and symbols only separate.

    >>> [word.folded for word in words("L’Avana, Washington D.C.")]
    ['l', 'avana', 'washington', 'dc']
    """
    text = _INITIALS.sub(r"\1", normalise(text))
    found: list[Word] = []
    clause, position, last_end = 0, 0, -1
    while position < len(text):
        end = _word_end(text, position)
        if end == position:
            clause += text[position] in _CLAUSE_ENDS
            position += 1
            continue
        exact = text[position:end]
        glued = bool(found) and _glued(text, last_end, position)
        found.append(Word(exact, fold(exact), glued, clause))
        position = last_end = end
    return tuple(found)


def _word_end(text: str, start: int) -> int:
    """Return where the word that begins at `start` ends; `start` itself if none begins there."""
    if not _is_letter(text[start]):
        return start
    alone = bool(_UNSPACED.match(text[start]))
    end = start + 1
    while end < len(text):
        mark = unicodedata.category(text[end]).startswith("M")
        if not mark and (alone or not _is_letter(text[end]) or _UNSPACED.match(text[end])):
            break
        end += 1
    return end


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"


def _glued(text: str, before: int, start: int) -> bool:
    """Whether what lies between two words (from `before` to `start`) ties them together."""
    between = text[before:start]
    if not between:
        return bool(_KATAKANA.match(text[before - 1]) and _KATAKANA.match(text[start]))
    if len(between) > 1:
        return False
    numeric = text[before - 1].isdigit() and text[start].isdigit()
    return between in _HYPHENS or (numeric and between in _DECIMAL_MARKS)
