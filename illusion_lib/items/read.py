"""How a file of questions becomes items, and what in it is refused.

JSON lines: one object a line. CSV: a header row, and lists written ``one|two|three``. UTF-8.

=============  ==========  ========================================================
field          type        meaning
=============  ==========  ========================================================
id             text        unique in the file
language       text        CLDR code, such as ``en``
relation       text        what is asked for, such as ``capital``
question       text        as the model reads it, without instruction or options
answer         text        the gold answer
distractors    list        wrong answers, at least one
aliases        list        other right answers (optional: none)
parallel_id    text        shared by translations of one question (optional: the id)
source         text        origin and licence (optional: the file's name)
kind           text        what an answer looks like: ``name``, ``words``, ``sentence`` or
                           ``number``; the prompt asks for it (optional: ``name``)
=============  ==========  ========================================================
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from illusion_lib.errors import ItemError
from illusion_lib.items.item import Item, surface
from illusion_lib.items.words import words

LINE_LIMIT = 1_000_000  # bytes
_LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXTS = ("id", "language", "relation", "question", "answer")
_DEFAULTED = ("parallel_id", "source", "kind")
_LISTS = ("aliases", "distractors")
_REQUIRED = (*_TEXTS, "distractors")
FIELDS = (*_TEXTS, "distractors", "aliases", *_DEFAULTED)
_SHOWN = ", ".join(FIELDS)


def read_items(path: Path) -> tuple[Item, ...]:
    """Return the items of a ``.jsonl`` or ``.csv`` file in file order.

    Raises
    ------
    ItemError
        Naming file, line and remedy: unreadable, not UTF-8, malformed, a field that is missing,
        unknown, given twice or of the wrong type, two items with one id or with one fact in one
        language, fewer than two options, the gold among the distractors, or no item at all.
    """
    readers = {".jsonl": _json_rows, ".csv": _csv_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ItemError(f"{path}: items are read from .jsonl or .csv files; rename or convert it")
    items: list[Item] = []
    ids: dict[str, str] = {}
    facts: dict[tuple[str, str, str], str] = {}
    for where, row in reader(path):
        try:
            item = _item(row, path.name)
        except ItemError as error:
            raise ItemError(f"{where}: {error}") from None
        earlier = ids.setdefault(surface(item.id), where)
        if earlier != where:
            raise ItemError(f"{where}: id {item.id!r} was used before ({earlier}); ids are unique")
        fact = (surface(item.parallel_id), item.relation, item.language)
        earlier = facts.setdefault(fact, where)
        if earlier != where:
            raise ItemError(
                f"{where}: parallel_id {item.parallel_id!r} occurs twice in language "
                f"{item.language!r} ({earlier}); give each question of a language its own"
            )
        items.append(item)
    if not items:
        raise ItemError(f"{path}: no items in the file; write at least one")
    return tuple(items)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (place, text) of each line; refuse what is not plain UTF-8 of sane length."""
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(LINE_LIMIT + 1):
                number += 1
                where = f"{path}, line {number}"
                if len(raw) > LINE_LIMIT:
                    raise ItemError(f"{where}: longer than {LINE_LIMIT:,} bytes; split the item")
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise ItemError(f"{where}: not UTF-8 ({error.reason}); save it so") from None
                if "\0" in text:
                    raise ItemError(f"{where}: holds a NUL character; remove it")
                yield where, text
    except OSError as error:
        raise ItemError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def _json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, text in _lines(path):
        if not text.strip():
            continue
        try:
            row = json.loads(text, object_pairs_hook=_unique)
        except ItemError as error:
            raise ItemError(f"{where}: {error}") from None
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply or a number too long")
            raise ItemError(f"{where}: not JSON ({reason}); write one object a line") from None
        if not isinstance(row, dict):
            raise ItemError(f"{where}: not a JSON object; write {{...}} with: {_SHOWN}")
        yield where, row


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ItemError(f"field {key!r} is given twice; keep one")
        seen[key] = value
    return seen


def _csv_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = csv.reader((text for _, text in _lines(path)), strict=True)
    header: list[str] | None = None
    try:
        for cells in rows:
            where = f"{path}, line {rows.line_num}"
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                try:
                    _unique([(name, None) for name in header])
                except ItemError as error:
                    raise ItemError(f"{where}: {error}") from None
                continue
            if len(cells) != len(header):
                raise ItemError(
                    f"{where}: {len(cells)} cells under {len(header)} columns; quote cells that "
                    "hold a comma"
                )
            yield where, _csv_row(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise ItemError(f"{path}, line {rows.line_num}: not CSV ({error}); quote cells") from None


def _csv_row(cells: dict[str, str]) -> dict[str, Any]:
    """Split the list columns; an empty optional cell means that the field is left out."""
    row: dict[str, Any] = {k: v for k, v in cells.items() if v.strip() or k in _REQUIRED}
    for name in _LISTS:
        if name in row:
            row[name] = [part.strip() for part in row[name].split("|")] if row[name] else []
    return row


def _item(row: dict[str, Any], file: str) -> Item:
    """Check the fields of one row and build its item."""
    unknown = sorted(set(row) - set(FIELDS))
    if unknown:
        raise ItemError(f"unknown field {unknown[0]!r}; the fields are: {_SHOWN}")
    missing = [name for name in _REQUIRED if name not in row]
    if missing:
        raise ItemError(f"field {missing[0]!r} is missing; an item needs: {', '.join(_REQUIRED)}")
    for name, value in row.items():
        if name not in _LISTS:
            check_text(name, value)
        elif not isinstance(value, list):
            raise ItemError(f'field {name!r} is not a list of texts; write ["one", "two"]')
        else:
            for entry in value:
                check_text(name, entry)
    if not _LANGUAGE.fullmatch(row["language"]):
        raise ItemError(
            f"field 'language' is {ascii(row['language'])[:60]}; write a CLDR code such as en or "
            "pt-BR"
        )
    answers = [row["answer"], *row.get("aliases", ()), *row["distractors"]]
    for answer in answers:
        if not words(answer):
            raise ItemError(f"answer {answer!r} holds no letter or digit, so no output can match")
    aliases = row.get("aliases", ())
    item = Item(
        **{name: row[name] for name in _TEXTS},
        parallel_id=row.get("parallel_id", row["id"]),
        source=row.get("source", file),
        kind=row.get("kind", "name"),
        aliases=tuple(aliases),
        distractors=tuple(row["distractors"]),
    )
    _check_options(item)
    return item


def check_text(name: str, value: Any) -> None:
    """Refuse what is no text that can be shown, hashed and stored."""
    if not isinstance(value, str) or not value.strip():
        raise ItemError(f"field {name!r} must hold text, got {_shown(value)}")
    if "\0" in value:
        raise ItemError(f"field {name!r} holds a NUL character; remove it")
    if _SURROGATE.search(value):
        raise ItemError(f"field {name!r} holds half of a surrogate pair; write the character")


def _shown(value: Any) -> str:
    """Return a short ASCII view of a refused value, fit for an error message."""
    shown = "an empty text" if isinstance(value, str) else ""
    with suppress(ValueError, RecursionError):
        shown = shown or ascii(value)[:60]
    return shown or type(value).__name__


def _check_options(item: Item) -> None:
    """Refuse a distractor that the matcher could not tell from an accepted form."""

    def exact(text: str) -> tuple[str, ...]:
        return tuple(word.exact for word in words(text))

    accepted = {exact(form) for form in item.accepted}
    for distractor in item.distractors:
        if exact(distractor) in accepted:
            raise ItemError(
                f"distractor {distractor!r} is the gold answer or one of its aliases but for "
                "punctuation; replace it"
            )
