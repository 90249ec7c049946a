"""Where the facts that come with the package lie, and which were left out of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FACTS = "facts"
_FOLDER = Path(__file__).resolve().parents[1] / "data" / FACTS


@dataclass(frozen=True, slots=True)
class Removed:
    """A fact that is asked in no language.

    Attributes
    ----------
    parallel_id
        The fact, such as ``"capital/LU"``.
    name
        The country's English name.
    kind
        ``leak``: the question gives the answer away in some language. ``disputed``: the question
        has no single agreed answer.
    reason
        One line for a reader.
    """

    parallel_id: str
    name: str
    kind: str
    reason: str


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
