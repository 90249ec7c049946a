"""The facts that come with the package, and which were left out of them."""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from illusion_lib.items.item import Item
from illusion_lib.items.sources import FACTS, Loaded, Removed, Request

_FOLDER = Path(__file__).resolve().parents[1] / "data" / FACTS


def read(request: Request) -> Loaded:
    """Return the facts of the requested relations and languages, the best-known countries first."""
    known = facts_relations()
    relations = [name for name in request.relations if name in known] or known
    return Loaded(
        tuple(item for name in relations for item in _items(name, request.languages)),
        tuple(fact for name in relations for fact in facts_removed(name)),
    )


def facts_relations() -> tuple[str, ...]:
    """Return the relations that are frozen in the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.jsonl")))


def facts_languages() -> tuple[str, ...]:
    """Return the languages in which every fact is asked."""
    return tuple(_rows(facts_relations()[0])[0]["texts"])


def facts_file(relation: str) -> Path:
    """Return the JSON-lines file of one relation."""
    return _FOLDER / f"{relation}.jsonl"


def facts_removed(relation: str = "capital") -> tuple[Removed, ...]:
    """Return the facts of a relation that were left out, each with its reason."""
    with (_FOLDER / f"{relation}_removed.tsv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Removed(**row | {"languages": tuple(filter(None, row["languages"].split(",")))})
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


@lru_cache(maxsize=8)
def _rows(relation: str) -> tuple[dict[str, Any], ...]:
    with facts_file(relation).open(encoding="utf-8") as file:
        return tuple(map(json.loads, file))


@lru_cache(maxsize=8)
def _items(relation: str, languages: tuple[str, ...]) -> tuple[Item, ...]:
    """Return the questions of a relation; nothing asked for, or nothing known of it, keeps all."""
    rows = _rows(relation)
    asked = [language for language in facts_languages() if language in languages]
    answers = {row["fact"]: row["texts"] for row in rows}
    return tuple(
        Item(
            id=f"{row['fact']}/{language}",
            parallel_id=row["fact"],
            language=language,
            relation=relation,
            question=row["texts"][language][0],
            answer=row["texts"][language][1],
            aliases=tuple(row["texts"][language][2:]),
            distractors=tuple(answers[fact][language][1] for fact in row["distractors"]),
            source=row["source"],
        )
        for row in rows
        for language in asked or row["texts"]
    )
