"""How the published and the repackaged files of EXAMS become questions with options."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from illusion_lib.errors import ItemError
from illusion_lib.items.files import reading
from illusion_lib.items.read import check_text

_LETTERS = "ABCDE"
_CLOSING = "Answer:"
_KEY = re.compile(r"\[([A-E])\]")


@dataclass(frozen=True, slots=True)
class Exam:
    """A question of an examination.

    Attributes
    ----------
    id
        The set's own, or (repackaged, where there is none) a hash of the question.
    language
        English name of the language; empty where the file does not say it.
    stem
        The question without its options.
    options
        Texts in the order of their letters.
    right
        Place of the right one; None where the key names none of them.
    """

    id: str
    language: str
    stem: str
    options: tuple[str, ...]
    right: int | None


def read_exams(path: Path) -> Iterator[Exam]:
    """Yield the questions of a file in its order.

    Raises
    ------
    ItemError
        The file cannot be read or is in neither layout; names the line.
    """
    number = 0
    with reading("EXAMS", lambda: f"{path}, question {number}"):
        for row in _rows(path):
            number += 1
            yield _repackaged(row) if "ideal" in row else _published(row)
    if not number:
        raise ItemError(f"{path}: holds no question; fetch the file again")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as table:
            yield from table.read().to_pylist()
    elif path.suffix == ".gz":
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None and member.name.endswith(".jsonl"):
                    yield from _json_lines(io.TextIOWrapper(content, encoding="utf-8"))
    else:
        with path.open(encoding="utf-8") as file:
            yield from _json_lines(file)


def _json_lines(file: IO[str]) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in file if line.strip())


def _published(row: dict[str, Any]) -> Exam:
    """Return a question of the published layout: stem, labelled choices, key."""
    choices = row["question"]["choices"]
    if isinstance(choices, dict):  # the hub's parquet keeps a list of choices as columns
        choices = [
            {"text": text, "label": label}
            for text, label in zip(choices["text"], choices["label"], strict=True)
        ]
    labels = [choice["label"] for choice in choices]
    key = row["answerKey"]
    return _exam(
        row["id"],
        row["info"]["language"],
        row["question"]["stem"],
        [choice["text"] for choice in choices],
        labels.index(key) if labels.count(key) == 1 else None,
    )


def _repackaged(row: dict[str, Any]) -> Exam:
    """Return a question of the ``evals`` layout: lettered lines in the user's turn."""
    text = row["input"][-1]["content"].removesuffix(_CLOSING)
    stem, options = text, []
    start = text.rfind("\nA. ")
    for letter, following in zip(_LETTERS, (*_LETTERS[1:], None), strict=True):
        if start < 0:
            break
        if letter == "A":
            stem = text[:start]
        end = text.find(f"\n{following}. ", start + 1) if following else -1
        options.append(text[start + len("\nA. ") : end if end >= 0 else None])
        start = end
    key = _KEY.fullmatch(row["ideal"])
    if key is None:
        raise ItemError(f"'ideal' is {str(row['ideal'])[:20]!r} instead of a letter in brackets")
    place = _LETTERS.index(key[1])
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return _exam(digest, "", stem, options, place if place < len(options) else None)


def _exam(key: str, language: str, stem: str, options: list[str], right: int | None) -> Exam:
    check_text("id", key)
    if not all(isinstance(text, str) for text in (language, stem, *options)):
        raise ItemError("its language, its stem or an option is no text")
    squeezed = tuple(" ".join(text.split()) for text in options)
    return Exam(key, language, " ".join(stem.split()), squeezed, right)
