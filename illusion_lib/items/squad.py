"""How a file in SQuAD v1.1 format, JSON or the hub's Parquet, becomes answered questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from illusion_lib.errors import ItemError
from illusion_lib.items.files import reading
from illusion_lib.items.item import surface
from illusion_lib.items.read import check_text

_COLUMNS = ("id", "context", "question", "answers")


@dataclass(frozen=True, slots=True)
class Question:
    """A question in one language, with the passage that answers it.

    Attributes
    ----------
    id
        The set's own id.
    passage, text
        Passage and question, white space squeezed.
    answers
        Accepted spans of the passage, each once; the first is the gold answer.
    """

    id: str
    passage: str
    text: str
    answers: tuple[str, ...]


def read_questions(path: Path) -> tuple[Question, ...]:
    """Return the questions of a ``.json`` or ``.parquet`` file in file order.

    Raises
    ------
    ItemError
        The file cannot be read, is not in the format, or holds an id twice.
    """
    rows = _parquet_rows if path.suffix == ".parquet" else _json_rows
    questions: dict[str, Question] = {}
    with reading("in SQuAD v1.1 format", lambda: str(path)):
        for row in rows(path):
            question = _question(row)
            if question.id in questions:
                raise ItemError(f"id {question.id!r} occurs twice; fetch the file again")
            questions[question.id] = question
    return tuple(questions.values())


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            for entry in paragraph["qas"]:
                texts = [answer["text"] for answer in entry["answers"]]
                yield {
                    "id": entry["id"],
                    "context": paragraph["context"],
                    "question": entry["question"],
                    "answers": {"text": texts},
                }


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        missing = sorted(set(_COLUMNS) - set(file.schema_arrow.names))
        if missing:
            raise ItemError(f"column {missing[0]!r} is missing; fetch the file again")
        yield from file.read().to_pylist()


def _question(row: dict[str, Any]) -> Question:
    for name in ("id", "context", "question"):
        check_text(name, row[name])
    answers: dict[str, str] = {}
    for answer in row["answers"]["text"]:
        check_text("answer", answer)
        answers.setdefault(surface(answer), _squeezed(answer))
    if not answers:
        raise ItemError(f"question {row['id']!r} has no answer; only SQuAD v1.1 is read, not v2")
    return Question(
        row["id"],
        _squeezed(row["context"]),
        _squeezed(row["question"]),
        tuple(answers.values()),
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())
