"""TyDiQA-GoldP: questions by people who wanted to know, each with its passage, in nine languages.

Clark et al. (2020), arXiv 2003.05002; the validation split of the gold passage task. Questions are
not translations of each other: every language has its own facts, and its own distractors.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from illusion_lib.errors import ItemError
from illusion_lib.items.distractors import Fact
from illusion_lib.items.extractive import build_items
from illusion_lib.items.files import DataSet, find_files
from illusion_lib.items.sources import Loaded, Request
from illusion_lib.items.squad import read_questions

_DATA = DataSet(
    "TyDiQA-GoldP",
    "google-research-datasets/tydiqa",
    "da78f23f9119363459acbaf46bf89426ff26c259",
    "Apache-2.0",
)
_NAMES = {
    "ar": "arabic",
    "bn": "bengali",
    "en": "english",
    "fi": "finnish",
    "id": "indonesian",
    "ko": "korean",
    "ru": "russian",
    "sw": "swahili",
    "te": "telugu",
}
_ALL = "all"
_REMOTE = {_ALL: "secondary_task/validation-00000-of-00001.parquet"}
_LOCAL = {
    code: (
        f"tydiqa-goldp-dev-{name}.json",
        f"tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{name}.json",
    )
    for code, name in _NAMES.items()
} | {_ALL: ("tydiqa-goldp-v1.1-dev.json", _REMOTE[_ALL])}


def read(request: Request) -> Loaded:
    """Return the items of the requested languages."""
    files = find_files(_DATA, request.path, _LOCAL, _REMOTE)
    paths = dict(files.paths)
    loaded = [
        _load(paths.get(code, paths.get(_ALL)), code, files.digest, files.source, request.passage)
        for code in request.languages or _NAMES
        if code in _NAMES and (code in paths or _ALL in paths)
    ]
    return Loaded(
        tuple(item for part in loaded for item in part.items),
        tuple(fact for part in loaded for fact in part.removed),
    )


@lru_cache(maxsize=32)
def _load(path: Path, code: str, digest: str, source: str, passage: bool) -> Loaded:
    """Return one language's items; `digest` stands for the content of the file."""
    # The language of a question is the first part of its id, as in "finnish-123-0".
    questions = [q for q in read_questions(path) if q.id.startswith(f"{_NAMES[code]}-")]
    if not questions:
        raise ItemError(f"{path}: holds no question in {_NAMES[code]}; fetch the file again")
    facts = [
        Fact(q.id, "", (code,), (q.passage,), (q.text,), (q.answers,)) for q in questions
    ]
    return build_items("tydiqa", facts, source, passage)
