"""EXAMS: school examinations in 16 languages, as published and as repackaged in ``evals``.

Hardalov et al. (2020), arXiv 2011.03080. The options are the examiners' own: a question is kept if
it has at least three, all different, one of them right. And it is kept only if it can be asked
without them, since every item is asked open as well (`illusion_lib.items.standalone`). So this is a
choice from the set, not the set: never compare its scores with published ones.

Read from a local folder that holds ``test.jsonl`` (or ``.tar.gz``) of github.com/mhardalov/exams-qa
or the ``LANGUAGE-exams-qa/samples.jsonl`` of the package ``evals``; or from the hub.
"""

from __future__ import annotations

from functools import lru_cache

from illusion_lib.errors import ItemError
from illusion_lib.items.distractors import Fact, flaw
from illusion_lib.items.exams_files import Exam, read_exams
from illusion_lib.items.files import DataSet, Files, find_files
from illusion_lib.items.item import AnswerKind, Item
from illusion_lib.items.sources import Loaded, Removed, Request
from illusion_lib.items.standalone import leans_on_options
from illusion_lib.items.words import words

_NAME = "exams"
# The parquet copy that the hub made of the set.
_DATA = DataSet(
    "EXAMS", "mhardalov/exams", "584a6d8680180424b9e1a3e4e922479357c8c1b5", "CC BY-SA 4.0"
)
_WHOLE = "all"
_NAMES = {
    **{"ar": "Arabic", "bg": "Bulgarian", "de": "German", "es": "Spanish", "fr": "French"},
    **{"hr": "Croatian", "hu": "Hungarian", "it": "Italian", "lt": "Lithuanian"},
    **{"mk": "Macedonian", "pl": "Polish", "pt": "Portuguese", "sq": "Albanian"},
    **{"sr": "Serbian", "tr": "Turkish", "vi": "Vietnamese"},
}
LANGUAGES = tuple(_NAMES)
_TEST = ("test.jsonl", "test.jsonl.tar.gz")
_FOLDERS = ("", "multilingual/", "data/exams/multilingual/")
_REPACKAGED = ("", "data/", "registry/data/", "evals/registry/data/")
_REMOTE = {_WHOLE: "multilingual/exams-test.parquet"}
_LOCAL = {_WHOLE: tuple(folder + name for folder in _FOLDERS for name in _TEST)} | {
    code: tuple(f"{folder}{name.lower()}-exams-qa/samples.jsonl" for folder in _REPACKAGED)
    for code, name in _NAMES.items()
}
_OPTIONS = 3  # at least: chance is reckoned from each item's own number
_FEW_WORDS = 6


def read(request: Request) -> Loaded:
    """Return the items of the requested languages that the files hold."""
    files = find_files(_DATA, request.path, _LOCAL, _REMOTE)
    exams = _exams(files)
    there = [code for code in LANGUAGES if code in exams]
    absent = [code for code in request.languages if code not in there]
    if absent:
        raise ItemError(f"exams has no language {absent[0]!r} here; it has: {', '.join(there)}")
    parts = [_load(files, code) for code in dict.fromkeys(request.languages or there)]
    return Loaded(
        tuple(item for part in parts for item in part.items),
        tuple(fact for part in parts for fact in part.removed),
    )


@lru_cache(maxsize=2)
def _exams(files: Files) -> dict[str, tuple[Exam, ...]]:
    """Return the questions by language; the published file goes before the repackaged ones."""
    paths = dict(files.paths)
    codes = {name: code for code, name in _NAMES.items()} | {"North Macedonian": "mk"}
    found: dict[str, dict[str, Exam]] = {}
    chosen = {_WHOLE: paths[_WHOLE]} if _WHOLE in paths else paths
    for part, path in chosen.items():
        for exam in read_exams(path):
            code = codes.get(exam.language) or part
            found.setdefault(code, {}).setdefault(exam.id, exam)
    return {code: tuple(exams.values()) for code, exams in found.items()}


@lru_cache(maxsize=32)
def _load(files: Files, language: str) -> Loaded:
    items: list[Item] = []
    removed: list[Removed] = []
    for exam in _exams(files)[language]:
        found = _unusable(exam, language)
        if found is None:
            items.append(_item(exam, language, files.source))
        else:
            removed.append(Removed(f"{_NAME}/{exam.id}", exam.stem, *found, (language,)))
    return Loaded(tuple(items), tuple(removed))


def _unusable(exam: Exam, language: str) -> tuple[str, str] | None:
    """Return why a question is left out (kind and reason), None where it is asked."""
    if len(exam.options) < _OPTIONS:
        return "few_options", f"fewer than {_OPTIONS} options"
    keys = [tuple(word.folded for word in words(text)) for text in exam.options]
    if not all(keys) or len(set(keys)) < len(keys):
        return "few_options", "two options are the same, or one holds no letter or digit"
    if exam.right is None:
        return "disputed", "the key names no option"
    reason = leans_on_options(exam.stem, exam.options, language)
    if reason:
        return "dependent", reason
    gold = exam.options[exam.right]
    return flaw(Fact(exam.id, (language,), ("",), (exam.stem,), ((gold,),)))


def _item(exam: Exam, language: str, source: str) -> Item:
    assert exam.right is not None
    gold = exam.options[exam.right]
    return Item(
        id=f"{_NAME}/{exam.id}",
        parallel_id=f"{_NAME}/{exam.id}",
        language=language,
        relation=_NAME,
        question=exam.stem,
        answer=gold,
        aliases=(),
        distractors=tuple(text for i, text in enumerate(exam.options) if i != exam.right),
        source=source,
        kind=_kind(gold),
    )


def _kind(answer: str) -> AnswerKind:
    found = words(answer)
    if len(found) == 1 and found[0].exact.isdecimal():
        return "number"
    return "words" if len(answer.split()) <= _FEW_WORDS else "sentence"
