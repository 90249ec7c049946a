"""TruthfulQA-multi: 817 questions that invite a common falsehood, in five languages.

Calvo Figueras et al. (2025), arXiv 2502.09387, after Lin, Hilton and Evans (2022). The gold is the
best answer; the other correct answers are accepted as well; the distractors are three of the
incorrect ones, at the same places of the list in every language. Answers are sentences, which an
open answer seldom repeats word for word: read its open accuracy as a lower bound.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from illusion_lib.errors import ItemError
from illusion_lib.items.files import DataSet, Files, find_files, reading
from illusion_lib.items.item import Item
from illusion_lib.items.matching import matches
from illusion_lib.items.read import check_text
from illusion_lib.items.sources import Loaded, Removed, Request
from illusion_lib.items.words import words

# The hub's branch: its commit is taken from what was fetched and named in the items' source.
_DATA = DataSet("TruthfulQA-multi", "HiTZ/truthfulqa-multi", "main", "Apache-2.0")
LANGUAGES = ("ca", "en", "es", "eu", "gl")
_REMOTE = {code: f"{code}/validation.json" for code in LANGUAGES}
_LOCAL = {code: (f"data/{_REMOTE[code]}", _REMOTE[code]) for code in LANGUAGES}
_NAME = "truthfulqa"
_COUNT = 3


def read(request: Request) -> Loaded:
    """Return the items of every language; the set's files decide, not the languages asked for."""
    return _load(find_files(_DATA, request.path, _LOCAL, _REMOTE))


@lru_cache(maxsize=4)
def _load(files: Files) -> Loaded:
    rows = {code: _rows(path) for code, path in files.paths}
    pivot = rows["en" if "en" in rows else min(rows)]
    items: list[Item] = []
    removed: list[Removed] = []
    for key in sorted(set().union(*rows.values())):
        parallel_id = f"{_NAME}/{key}"
        versions = {code: rows[code][key] for code in rows if key in rows[code]}
        shown = pivot.get(key) or next(iter(versions.values()))
        kind, reason, places = _places(parallel_id, versions, len(rows))
        if kind:
            removed.append(Removed(parallel_id, shown["question"], kind, reason))
            continue
        items += [
            _item(parallel_id, code, row, places, files.source) for code, row in versions.items()
        ]
    return Loaded(tuple(items), tuple(removed))


def _rows(path: Path) -> dict[int, dict[str, Any]]:
    """Return the checked rows of one language by id."""
    with reading("TruthfulQA-multi", lambda: str(path)):
        rows = {row["id"]: _checked(row) for row in json.loads(path.read_text("utf-8-sig"))}
        if not rows:
            raise ItemError("holds no question; fetch the file again")
        return rows


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    if type(row["id"]) is not int:
        raise ItemError(f"id {str(row['id'])[:40]!a} is no whole number; fetch the file again")
    wrong = [
        choice
        for choice, label in zip(
            row["mc1_targets"]["choices"], row["mc1_targets"]["labels"], strict=True
        )
        if not label
    ]
    correct = [text for text in row["correct_answers"] if text]  # some lists hold empty texts
    for text in (row["question"], row["best_answer"], *correct, *filter(None, wrong)):
        check_text("answer", text)
    return {
        "question": _squeezed(row["question"]),
        "best": _squeezed(row["best_answer"]),
        "correct": [_squeezed(text) for text in correct],
        "wrong": [_squeezed(text) for text in wrong],
    }


def _places(
    parallel_id: str, versions: dict[str, dict[str, Any]], languages: int
) -> tuple[str, str, Sequence[int]]:
    """Return why a question is left out (kind, reason), or which wrong answers are its options."""
    counts = {len(row["wrong"]) for row in versions.values()}
    if len(versions) < languages or len(counts) > 1:
        return "untranslated", "some language lacks it or lists other options", ()
    for code, row in versions.items():
        if not matches(row["best"], [row["best"]], (), code):
            return "unmatchable", f"the answer does not match itself in {code}", ()
        if matches(row["question"], [row["best"], *row["correct"]], (), code):
            return "leak", f"the question names the answer in {code}", ()
    # A place serves where its text is, in every language, no right answer and no other option.
    order = sorted(range(counts.pop()), key=lambda place: _digest(f"{parallel_id}\n{place}"))
    seen = {
        code: {_key(text) for text in (row["best"], *row["correct"])}
        for code, row in versions.items()
    }
    places: list[int] = []
    for place in order:
        keys = {code: _key(row["wrong"][place]) for code, row in versions.items()}
        if len(places) == _COUNT or any(not k or k in seen[code] for code, k in keys.items()):
            continue
        places.append(place)
        for code, key in keys.items():
            seen[code].add(key)
    if len(places) < _COUNT:
        return "few_options", f"fewer than {_COUNT} different incorrect answers", ()
    return "", "", places


def _item(
    parallel_id: str, code: str, row: dict[str, Any], places: Sequence[int], source: str
) -> Item:
    aliases = {_key(text): text for text in reversed(row["correct"]) if words(text)}
    aliases.pop(_key(row["best"]), None)
    return Item(
        id=f"{parallel_id}/{code}",
        parallel_id=parallel_id,
        language=code,
        relation=_NAME,
        question=row["question"],
        answer=row["best"],
        aliases=tuple(reversed(aliases.values())),
        distractors=tuple(row["wrong"][place] for place in places),
        source=source,
        kind="sentence",
    )


def _key(text: str) -> tuple[str, ...]:
    return tuple(word.folded for word in words(text))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
