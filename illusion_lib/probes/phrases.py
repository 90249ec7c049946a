"""The few words of every prompt that are not the item's, per language and kind of answer.

They stand in ``data/phrases.tsv``, one language a row: the labels of question, options and answer,
and for each kind of answer the instruction that asks for it and for nothing else.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from illusion_lib.items.item import AnswerKind

_FILE = Path(__file__).resolve().parents[1] / "data" / "phrases.tsv"
_SPACES = {"one": " ", "none": ""}


@dataclass(frozen=True, slots=True)
class Phrases:
    """What frames a question in one language.

    Attributes
    ----------
    question, options, answer
        Labels, with their colon.
    instructions
        By kind of answer: asks for such an answer and nothing else.
    neutral
        Stands in for the question where an option's unconditional log-prob is wanted.
    space
        What separates a label from what follows it on the line.
    """

    question: str
    options: str
    answer: str
    instructions: dict[AnswerKind, str]
    neutral: str = "…"
    space: str = " "


def _read() -> dict[str, Phrases]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {
            row["language"]: Phrases(
                row["question"],
                row["options"],
                row["answer"],
                {kind: row[kind] for kind in get_args(AnswerKind)},
                space=_SPACES[row["space"]],
            )
            for row in rows
        }


PHRASES: dict[str, Phrases] = _read()


def phrases_for(language: str) -> Phrases:
    """Return the phrases of a language; one that has none here is framed in English."""
    base = language.split("-")[0]
    return PHRASES.get(language) or PHRASES.get(base) or PHRASES["en"]
