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
        ends there, so ``"Guinea-Bissau"`` does not hold the word "Guinea". A number does end at a
        hyphen: ``"1185-1226"`` and ``"5-cylinder"`` hold "1185" and "5".
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
    return text if text.isascii() else "".join(map(_plain, text))


@lru_cache(maxsize=65536)
def _plain(char: str) -> str:
    """Return a digit in ASCII, an invisible character as nothing, any other as it is."""
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return "" if category == "Cf" else char


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Return `text` without the marks that writers leave out (accents, vowel points)."""
    if text.isascii():
        return text
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
        glued = bool(found) and _glued(text, last_end, position, found[-1].exact)
        found.append(Word(exact, fold(exact), glued, clause))
        position = last_end = end
    return tuple(found)


def _word_end(text: str, start: int) -> int:
    """Return where the word that begins at `start` ends; `start` itself if none begins there."""
    letter, _, alone = _kind(text[start])
    if not letter:
        return start
    end = start + 1
    while end < len(text):
        letter, mark, unspaced = _kind(text[end])
        if not mark and (alone or not letter or unspaced):
            break
        end += 1
    return end


@lru_cache(maxsize=65536)
def _kind(char: str) -> tuple[bool, bool, bool]:
    """Whether a character belongs to words, is a mark, and is of a script without spaces."""
    category = unicodedata.category(char)[0]
    return category in "LNM", category == "M", bool(_UNSPACED.match(char))


def _glued(text: str, before: int, start: int, last: str) -> bool:
    """Whether what lies between the `last` word (up to `before`) and `start` ties them together."""
    between = text[before:start]
    if not between:
        return bool(_KATAKANA.match(text[before - 1]) and _KATAKANA.match(text[start]))
    if len(between) > 1:
        return False
    if between in _HYPHENS:
        return not last.isdecimal()
    return between in _DECIMAL_MARKS and text[before - 1].isdigit() and text[start].isdigit()
