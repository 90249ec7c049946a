"""Whether an output is an answer at all, or empty, a loop, in another script, or cut off."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from illusion_lib.records import OutputClass

# Scripts a language is written in, as the first words of Unicode character names. A language that
# is not listed is not judged; languages that share a script cannot be told apart in a short answer.
_LATIN = (
    *("ca", "da", "de", "en", "es", "eu", "fi", "fr", "gl", "hr", "hu", "id", "it", "lt", "ms"),
    *("nl", "no", "pl", "pt", "ro", "sq", "sv", "sw", "tr", "vi"),
)
_SCRIPTS: dict[str, set[str]] = {
    **{language: {"LATIN"} for language in _LATIN},
    **{language: {"CYRILLIC"} for language in ("bg", "mk", "ru")},
    "sr": {"CYRILLIC", "LATIN"},
    "zh": {"CJK"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA"},
    "ko": {"HANGUL", "CJK"},
    "ar": {"ARABIC"},
    "hi": {"DEVANAGARI"},
    "bn": {"BENGALI"},
    "te": {"TELUGU"},
    "th": {"THAI"},
    "km": {"KHMER"},
    "el": {"GREEK"},
    "he": {"HEBREW"},
}
_LOOP = 3  # a phrase said this often in a row is a loop
_LONGEST_PHRASE = 6  # words
_CHARACTER_LOOP = re.compile(r"(\S{1,12}?)\1{4,}")


def classify(output: str, language: str, finished: bool) -> OutputClass:
    """Return how an output degenerated, the gravest first, or ``ok``.

    Parameters
    ----------
    output
        The generated text.
    language
        CLDR code of the language asked in.
    finished
        Whether the model ended the answer itself, before the token limit.

    Returns
    -------
    str
        ``empty`` (no letter or digit), ``repetition`` (a phrase of up to 6 words three times in a
        row, or up to 12 characters five times), ``wrong_language`` (most letters are of a script
        the language is not written in), ``truncated`` (token limit reached), else ``ok``.

    Examples
    --------
    >>> classify("Bahia, Bahia, Bahia", "en", finished=True)
    'repetition'
    """
    if not any(c.isalnum() for c in output):
        return "empty"
    if repeats(output):
        return "repetition"
    if _other_script(output, language):
        return "wrong_language"
    return "ok" if finished else "truncated"


def repeats(output: str) -> bool:
    """Return whether the output says a phrase over and over."""
    words = re.findall(r"\w+", output.casefold())
    for size in range(1, _LONGEST_PHRASE + 1):
        run = 0
        for here, before in zip(words[size:], words, strict=False):
            run = run + 1 if here == before else 0
            if run >= size * (_LOOP - 1):
                return True
    return _CHARACTER_LOOP.search(output) is not None


def _other_script(output: str, language: str) -> bool:
    expected = _SCRIPTS.get(language.split("-")[0])
    if expected is None:
        return False
    scripts = Counter(re.split(r"[ -]", unicodedata.name(c, "?"))[0] for c in output if c.isalpha())
    ours = sum(scripts[name] for name in expected)
    return ours * 2 < scripts.total()
