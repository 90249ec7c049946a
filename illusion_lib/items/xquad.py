"""XQuAD: 1,190 questions on Wikipedia passages, translated into twelve languages.

Artetxe, Ruder and Yogatama (2020), arXiv 1910.11856. A question that has to be left out in one
language is asked in none, and its distractors are the same facts in every language, chosen over
all languages whose files are there (twelve on the hub).
"""

from __future__ import annotations

from functools import lru_cache

from illusion_lib.items.distractors import Fact
from illusion_lib.items.extractive import Selection, build_items, select_facts
from illusion_lib.items.files import DataSet, Files, find_files
from illusion_lib.items.sources import Loaded, Removed, Request
from illusion_lib.items.squad import Question, read_questions

_DATA = DataSet("XQuAD", "google/xquad", "51adfef1c1287aab1d2d91b5bead9bcfb9c68583", "CC BY-SA 4.0")
LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")
_REMOTE = {code: f"xquad.{code}/validation-00000-of-00001.parquet" for code in LANGUAGES}
_LOCAL = {code: (f"xquad.{code}.json", _REMOTE[code]) for code in LANGUAGES}


def read(request: Request) -> Loaded:
    """Return the items of every language; the set's files decide, not the languages asked for."""
    files = find_files(_DATA, request.path, _LOCAL, _REMOTE)
    return build_items("xquad", _selection(files), files.source, request.passage)


@lru_cache(maxsize=2)
def _selection(files: Files) -> Selection:
    texts = {code: {q.id: q for q in read_questions(path)} for code, path in files.paths}
    everywhere = set.intersection(*(set(questions) for questions in texts.values()))
    every = {key: question for questions in texts.values() for key, question in questions.items()}
    selection = select_facts([_fact(key, texts) for key in every if key in everywhere])
    untranslated = tuple(
        Removed(key, question.text, "untranslated", "some language has no such question")
        for key, question in every.items()
        if key not in everywhere
    )
    return Selection(selection.chosen, (*untranslated, *selection.removed))


def _fact(key: str, texts: dict[str, dict[str, Question]]) -> Fact:
    questions = [texts[code][key] for code in texts]
    return Fact(
        key,
        tuple(texts),
        tuple(question.passage for question in questions),
        tuple(question.text for question in questions),
        tuple(question.answers for question in questions),
    )
