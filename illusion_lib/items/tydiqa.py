"""TyDiQA-GoldP: questions by people who wanted to know, each with its passage, in nine languages.

Clark et al. (2020), arXiv 2003.05002; the validation split of the gold passage task. Questions are
not translations of each other: every language has its own facts, and its own distractors.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from illusion_lib.errors import ItemError
from illusion_lib.items.distractors import Fact
from illusion_lib.items.extractive import Selection, build_items, select_facts
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
LANGUAGES = tuple(_NAMES)
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
    there = [code for code in _NAMES if code in paths or _ALL in paths]
    absent = [code for code in request.languages if code not in there]
    if absent:
        raise ItemError(f"tydiqa has no language {absent[0]!r}; it has: {', '.join(there)}")
    loaded = [
        build_items(
            "tydiqa",
            _selection(paths.get(code) or paths[_ALL], code, files.digest),
            files.source,
            request.passage,
        )
        for code in dict.fromkeys(request.languages or there)
    ]
    return Loaded(
        tuple(item for part in loaded for item in part.items),
        tuple(fact for part in loaded for fact in part.removed),
    )


@lru_cache(maxsize=32)
def _selection(path: Path, code: str, digest: str) -> Selection:
    """Return what is asked in one language; `digest` stands for the content of the file."""
    # The language of a question is the first part of its id, as in "finnish-123-0".
    questions = [q for q in read_questions(path) if q.id.startswith(f"{_NAMES[code]}-")]
    if not questions:
        raise ItemError(f"{path}: holds no question in {_NAMES[code]}; fetch the file again")
    return select_facts(
        [Fact(q.id, (code,), (q.passage,), (q.text,), (q.answers,)) for q in questions]
    )
