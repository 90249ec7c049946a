"""Where the facts that come with the package lie, and which were left out of them."""

from __future__ import annotations

import csv
from pathlib import Path

from illusion_lib.items.read import read_items
from illusion_lib.items.sources import FACTS, Loaded, Removed, Request

_FOLDER = Path(__file__).resolve().parents[1] / "data" / FACTS


def read(request: Request) -> Loaded:
    """Return the facts of the requested relations in every language."""
    known = facts_relations()
    relations = [name for name in request.relations if name in known] or known
    return Loaded(
        tuple(item for name in relations for item in read_items(facts_file(name))),
        tuple(fact for name in relations for fact in facts_removed(name)),
    )


def facts_relations() -> tuple[str, ...]:
    """Return the relations that are frozen in the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.jsonl")))


def facts_file(relation: str) -> Path:
    """Return the JSON-lines file of one relation."""
    return _FOLDER / f"{relation}.jsonl"


def facts_removed(relation: str = "capital") -> tuple[Removed, ...]:
    """Return the facts of a relation that were left out, each with its reason."""
    with (_FOLDER / f"{relation}_removed.tsv").open(encoding="utf-8", newline="") as file:
        return tuple(Removed(**row) for row in csv.DictReader(file, delimiter="\t"))
