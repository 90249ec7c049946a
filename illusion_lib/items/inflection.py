"""Whether a word of an output is a wanted word in another grammatical form of its language.

Kept conservative: a rule adds a closed list of endings to a stem of a least length, and drops none
that would make one country's name of another's (Niger, Nigeria). Proper names and the words of
short answers only; what a language changes inside the stem is not followed.

==========  ===================================================================================
language    what is accepted besides the form itself
==========  ===================================================================================
Arabic      joined particles ("and", "in", "to", "as") and the article before the first word
Korean      joined particles and the copula after the last word
Russian     endings of the singular cases on a stem of 4 letters or more, of adjectives, and of
            plural names in -ы
Finnish     genitive, the local cases and the translative on a word of 4 letters or more
Turkish     case endings and the copula on a word of 5 letters or more, where no apostrophe parts
            them; the buffer letter only where Turkish puts one
==========  ===================================================================================

Other languages are compared as they stand: Hindi, Swahili, Indonesian, Chinese and Japanese put
such relations into words of their own; Polish and Hungarian are not followed.
"""

from __future__ import annotations

from functools import lru_cache

_CLITICS = ("", "و", "ف", "ب", "ل", "ك")  # Arabic "and", "so", "in", "to", "as", written joined
_ARABIC_ARTICLES = ("", "ال", "ل")
# Korean particles and endings, written joined to the noun before them.
_PARTICLES = frozenset(
    {"은", "는", "이", "가", "을", "를", "의", "에", "에서", "에게", "와", "과", "도", "로", "으로"}
    | {"만", "까지", "부터", "이다", "입니다", "이며", "이고", "이었다", "였다"}
)
# All below is written as `words.fold` leaves it: й is и, ё is е, ä is a, ı is i.
_RUSSIAN_STEM = 4
_RUSSIAN_NOUNS: dict[str, tuple[str, ...]] = {
    "а": ("ы", "и", "е", "у", "ои", "еи"),
    "я": ("и", "е", "ю", "еи"),
    "ь": ("я", "ю", "ем", "е", "и", "ью"),
    "ы": ("", "ам", "ами", "ах"),
    "и": ("я", "ю", "ем", "е"),  # й
}
_RUSSIAN_AFTER_CONSONANT = ("а", "у", "ом", "ем", "е")
_RUSSIAN_ADJECTIVES = ("ии", "ыи", "ои")
_RUSSIAN_ADJECTIVE_ENDINGS = frozenset(
    {"ого", "его", "ому", "ему", "им", "ым", "ом", "ем", "ая", "яя", "ую", "юю", "ое", "ее"}
    | {"ые", "ие", "ых", "их", "ыми", "ими", "ои", "еи"}
)
_RUSSIAN_CONSONANTS = frozenset("бвгджзклмнпрстфхцчшщ")
_FINNISH_LENGTH = 4
_FINNISH = ("n", "ssa", "sta", "lla", "lta", "lle", "ksi")
_TURKISH_LENGTH = 5
_TURKISH = frozenset(
    {"da", "de", "ta", "te", "dan", "den", "tan", "ten", "dir", "dur", "tir", "tur"}
)
_TURKISH_AFTER_CONSONANT = _TURKISH | {"a", "e", "i", "u", "in", "un"}
_TURKISH_AFTER_VOWEL = _TURKISH | {"ya", "ye", "yi", "yu", "nin", "nun"}


def same_words(written: tuple[str, ...], wanted: tuple[str, ...], language: str) -> bool:
    """Whether two runs of folded words are the same, but for what a language does to a word.

    >>> same_words(("в", "москве")[1:], ("москва",), "ru")
    True
    >>> same_words(("нигерии",), ("нигер",), "ru")
    False
    """
    if written == wanted:
        return True
    if language == "ar":
        return written[1:] == wanted[1:] and _behind_clitics(written[0], wanted[0])
    if language == "ko":
        bare = written[-1].removeprefix(wanted[-1])
        return written[:-1] == wanted[:-1] and bare != written[-1] and bare in _PARTICLES
    bent = _BENT.get(language)
    return bent is not None and all(
        one == other or bent(one, other) for one, other in zip(written, wanted, strict=True)
    )


def _behind_clitics(written: str, wanted: str) -> bool:
    """Whether an Arabic word is the wanted one behind a joined particle or article."""
    bare = wanted.removeprefix("ال")
    return written.endswith(bare) and any(
        written == clitic + article + bare for clitic in _CLITICS for article in _ARABIC_ARTICLES
    )


@lru_cache(maxsize=65536)
def _russian(written: str, wanted: str) -> bool:
    if wanted.endswith(_RUSSIAN_ADJECTIVES) and len(wanted) >= _RUSSIAN_STEM + 2:
        stem = wanted[:-2]
        if written.startswith(stem) and written[len(stem) :] in _RUSSIAN_ADJECTIVE_ENDINGS:
            return True
    stem, endings = wanted[:-1], _RUSSIAN_NOUNS.get(wanted[-1], ())
    if wanted[-1] in _RUSSIAN_CONSONANTS:
        stem, endings = wanted, _RUSSIAN_AFTER_CONSONANT
    return (
        len(stem) >= _RUSSIAN_STEM and written.startswith(stem) and written[len(stem) :] in endings
    )


@lru_cache(maxsize=65536)
def _finnish(written: str, wanted: str) -> bool:
    if len(wanted) < _FINNISH_LENGTH or not written.startswith(wanted):
        return False
    ending, last = written[len(wanted) :], wanted[-1]
    if last in "aeiouy":
        return ending in _FINNISH or ending == last + "n"  # Helsinki-in
    return ending[:1] == "i" and (ending[1:] in _FINNISH or ending == "iin")  # Madrid-i-ssa


@lru_cache(maxsize=65536)
def _turkish(written: str, wanted: str) -> bool:
    if len(wanted) < _TURKISH_LENGTH or not written.startswith(wanted):
        return False
    vowel = wanted[-1] in "aeiou"
    return written[len(wanted) :] in (_TURKISH_AFTER_VOWEL if vowel else _TURKISH_AFTER_CONSONANT)


_BENT = {"ru": _russian, "fi": _finnish, "tr": _turkish}
