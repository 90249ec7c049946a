"""MKQA: real search questions with short answers, translated into 26 languages.

Longpre, Lu and Daiber (2021), arXiv 2007.15207. Every question is asked closed book. Its options
are three other answers of the same type and language, chosen language by language: the questions
are parallel over languages, their wrong options are not. Questions that need a long answer, yes or
no, or none at all are left out.

The set is read from a local copy of ``dataset/mkqa.jsonl.gz`` of github.com/apple/ml-mkqa: the hub
holds only a script that fetches that file.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from illusion_lib.errors import ItemError
from illusion_lib.items.distractors import COUNT, Fact, choose_distractors, flaw
from illusion_lib.items.files import DataSet, Files, find_files, reading
from illusion_lib.items.item import AnswerKind, Item, surface
from illusion_lib.items.read import check_text
from illusion_lib.items.sources import Loaded, Removed, Request
from illusion_lib.items.words import words

_NAME = "mkqa"
_DATA = DataSet("MKQA", "apple/ml-mkqa", "main", "CC BY-SA 3.0")
_WHOLE = "all"
_LOCAL = {
    _WHOLE: ("mkqa.jsonl.gz", "dataset/mkqa.jsonl.gz", "mkqa.jsonl", "dataset/mkqa.jsonl"),
}
# The set's own codes, where they are not CLDR's.
_CODES = {"zh-HK": "zh_hk", "zh-TW": "zh_tw", "zh": "zh_cn"}
LANGUAGES = (
    *("ar", "da", "de", "en", "es", "fi", "fr", "he", "hu", "it", "ja", "km", "ko", "ms", "nl"),
    *("no", "pl", "pt", "ru", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW"),
)
_KINDS: dict[str, AnswerKind] = {
    "entity": "name",
    "date": "words",
    "number": "number",
    "number_with_unit": "words",
    "short_phrase": "words",
}
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CHUNK = 1000  # lines of the file whose answers serve each other as options: pairs are compared


def read(request: Request) -> Loaded:
    """Return the items of the requested languages."""
    if request.path is None:
        raise ItemError(
            "mkqa is read from a local copy; fetch dataset/mkqa.jsonl.gz of "
            "github.com/apple/ml-mkqa and give the folder that holds it as the path"
        )
    files = find_files(_DATA, request.path, _LOCAL, {})
    asked = [code for code in LANGUAGES if code in request.languages] or LANGUAGES
    parts = [_load(files, language) for language in asked]
    return Loaded(
        tuple(item for part in parts for item in part.items),
        tuple({fact: None for part in parts for fact in part.removed}),
    )


@lru_cache(maxsize=32)
def _load(files: Files, language: str) -> Loaded:
    """Return what is asked in one language."""
    pools: dict[tuple[str, int], dict[str, Fact]] = defaultdict(dict)
    kinds: dict[str, AnswerKind] = {}
    removed: list[Removed] = []
    for number, (key, row) in enumerate(_rows(files).items()):
        found = _fact(key, row, language)
        if isinstance(found, Removed):
            removed.append(found)
            continue
        kind, fact = found
        kinds[fact.id] = _KINDS[kind]
        pools[kind, number // _CHUNK][fact.id] = fact
    items: list[Item] = []
    for pool in pools.values():
        options = choose_distractors(list(pool.values()))
        for fact in pool.values():
            if fact.id in options:
                items.append(_item(fact, options[fact.id], kinds[fact.id], files.source))
            else:
                why = f"fewer than {COUNT} answers are of its type and length and apart"
                removed.append(Removed(fact.id, fact.questions[0], "few_options", why, (language,)))
    order = {key: place for place, key in enumerate(kinds)}
    items.sort(key=lambda item: order[item.parallel_id])  # as in the file
    return Loaded(tuple(items), tuple(removed))


@lru_cache(maxsize=2)
def _rows(files: Files) -> dict[str, dict[str, Any]]:
    """Return the rows of the file by the question's id, in the order of the file."""
    ((_, path),) = files.paths
    rows: dict[str, dict[str, Any]] = {}
    with reading("MKQA", lambda: f"{path}, line {len(rows) + 1}"):
        for line in _lines(path):
            row = json.loads(line)
            check_text("example_id", str(row["example_id"]))
            rows[str(row["example_id"])] = {
                "queries": dict(row["queries"]),
                "answers": dict(row["answers"]),
            }
    if not rows:
        raise ItemError(f"{path}: holds no question; fetch the file again")
    return rows


def _lines(path: Path) -> Iterator[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from file


def _fact(key: str, row: dict[str, Any], language: str) -> tuple[str, Fact] | Removed:
    """Return a question's type of answer and the question, or why it is left out."""
    code, fact_id = _CODES.get(language, language), f"{_NAME}/{key}"
    with reading("MKQA", lambda: f"MKQA, question {' '.join(key.split())[:40]} in {code}"):
        question = " ".join(row["queries"][code].split())
        check_text("question", question)
        answers = row["answers"][code]
        kind = answers[0]["type"]
        if kind not in _KINDS:
            return Removed(fact_id, question, "no_short_answer", f"its answer is of type {kind!r}")
        accepted = _accepted([answer for answer in answers if answer["type"] == kind])
    if not accepted:
        return Removed(fact_id, question, "unmatchable", "no answer holds a letter or digit")
    # The question stands in for a passage: no option may be named in it.
    fact = Fact(fact_id, (language,), (question,), (question,), (accepted,))
    found = flaw(fact)
    return (kind, fact) if found is None else Removed(fact_id, question, *found, (language,))


def _accepted(answers: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the accepted forms, each once; a date in words comes before one in digits."""
    forms: dict[str, str] = {}
    for answer in answers:
        for text in (answer["text"], *(answer.get("aliases") or ())):
            form = " ".join(str(text).split()).removesuffix(".0")
            if words(form):
                check_text("answer", form)
                forms.setdefault(surface(form), form)
    ordered = list(forms.values())
    if ordered and _ISO_DATE.fullmatch(ordered[0]):
        ordered.sort(key=lambda form: not any(map(str.isalpha, form)))
    return tuple(ordered)


def _item(fact: Fact, wrong: tuple[Fact, ...], kind: AnswerKind, source: str) -> Item:
    (language,) = fact.languages
    return Item(
        id=f"{fact.id}/{language}",
        parallel_id=fact.id,
        language=language,
        relation=_NAME,
        question=fact.questions[0],
        answer=fact.accepted[0][0],
        aliases=fact.accepted[0][1:],
        distractors=tuple(other.golds[0] for other in wrong),
        source=source,
        kind=kind,
    )
