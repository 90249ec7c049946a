"""XQuAD: 1,190 questions on Wikipedia passages, translated into twelve languages.

Artetxe, Ruder and Yogatama (2020), arXiv 1910.11856. A question that has to be left out in one
language is asked in none, and its distractors are the same facts in every language, chosen over
all languages whose files are there (twelve on the hub).
"""

from __future__ import annotations

from functools import lru_cache

from illusion_lib.items.distractors import Fact
from illusion_lib.items.extractive import build_items
from illusion_lib.items.files import DataSet, Files, find_files
from illusion_lib.items.sources import Loaded, Removed, Request
from illusion_lib.items.squad import Question, read_questions

_DATA = DataSet(
    "XQuAD", "google/xquad", "51adfef1c1287aab1d2d91b5bead9bcfb9c68583", "CC BY-SA 4.0"
)
_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
_REMOTE = {code: f"xquad.{code}/validation-00000-of-00001.parquet" for code in _LANGUAGES}
_LOCAL = {code: (f"xquad.{code}.json", _REMOTE[code]) for code in _LANGUAGES}


def read(request: Request) -> Loaded:
    """Return the items of every language; the set's files decide, not the languages asked for."""
    return _load(find_files(_DATA, request.path, _LOCAL, _REMOTE), request.passage)


@lru_cache(maxsize=4)
def _load(files: Files, passage: bool) -> Loaded:
    texts = {code: {q.id: q for q in read_questions(path)} for code, path in files.paths}
    pivot = texts["en" if "en" in texts else min(texts)]
    everywhere = set.intersection(*(set(questions) for questions in texts.values()))
    facts = [_fact(key, texts) for key in pivot if key in everywhere]
    loaded = build_items("xquad", facts, files.source, passage)
    missing = {k: q for questions in texts.values() for k, q in questions.items()}
    untranslated = tuple(
        Removed(key, question.text, "untranslated", "some language has no such question")
        for key, question in missing.items()
        if key not in everywhere
    )
    return Loaded(loaded.items, (*untranslated, *loaded.removed))


def _fact(key: str, texts: dict[str, dict[str, Question]]) -> Fact:
    questions = [texts[code][key] for code in texts]
    return Fact(
        key,
        # Titles are not on the hub, and the choice must not depend on where the files come from.
        "",
        tuple(texts),
        tuple(question.passage for question in questions),
        tuple(question.text for question in questions),
        tuple(question.answers for question in questions),
    )
