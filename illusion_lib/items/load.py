"""Which questions a run asks, and in which order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from illusion_lib.errors import ItemError
from illusion_lib.items.facts import FACTS, facts_file, facts_relations
from illusion_lib.items.item import Item
from illusion_lib.items.read import read_items


def load_items(
    name: str = "facts",
    languages: Sequence[str] = ("en", "es"),
    relations: Sequence[str] = ("capital",),
    limit: int | None = None,
    seed: int = 0,
) -> tuple[Item, ...]:
    """Load question items, the same facts in every language.

    Parameters
    ----------
    name
        ``"facts"``, or the path of a ``.jsonl`` or ``.csv`` file (its fields are described in
        `illusion_lib.items.read`).
    languages, relations
        What to keep, in this order; empty keeps all that the set holds, sorted by name.
    limit
        Items per language and relation, taken after a seeded shuffle of the parallel ids: a
        parallel set keeps the same facts in each language, and a smaller limit keeps a prefix of
        a larger one. None keeps all.
    seed
        Seed of that shuffle, which also orders the result.

    Returns
    -------
    tuple of Item
        By relation, then language, then shuffled fact; no draw depends on what else is asked for.

    Raises
    ------
    ItemError
        The set does not exist or is malformed, holds nothing of a language or relation, or holds
        fewer items than `limit`.
    """
    for what, asked in (("languages", languages), ("relations", relations)):
        if isinstance(asked, str):
            raise ItemError(f"{what} must be a list, got the text {asked!r}; write [{asked!r}]")
    if limit is not None and limit < 1:
        raise ItemError(f"limit must be at least 1 item a language, got {limit}")
    items = _read(name, relations)
    chosen: list[Item] = []
    for relation in _asked(relations, (item.relation for item in items), "relation", name):
        related = [item for item in items if item.relation == relation]
        for language in _asked(languages, (item.language for item in related), "language", name):
            pool = [item for item in related if item.language == language]
            pool.sort(key=lambda item: _place(item.parallel_id, seed))
            if limit is not None and limit > len(pool):
                raise ItemError(
                    f"{name}: limit {limit} asks for more than the {len(pool)} {relation} items "
                    f"in language {language!r}; lower the limit to {len(pool)} or leave it out"
                )
            chosen += pool[:limit]
    return tuple(chosen)


def items_hash(items: Iterable[Item]) -> str:
    """Return the SHA-256 (hex) of the items' canonical JSON, in their order."""
    content = [asdict(item) for item in items]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _read(name: str, relations: Sequence[str]) -> tuple[Item, ...]:
    if name != FACTS:
        path = Path(name)
        if path.suffix.lower() not in {".jsonl", ".csv"}:
            raise ItemError(f"unknown items {name!r}; give 'facts' or the path of a .jsonl or .csv")
        return read_items(path)
    asked = _asked(relations, facts_relations(), "relation", name)
    return tuple(item for relation in asked for item in read_items(facts_file(relation)))


def _asked(asked: Sequence[str], existing: Iterable[str], what: str, name: str) -> tuple[str, ...]:
    """Return what is asked for, each once, or all that exists; refuse what does not exist."""
    known = sorted(set(existing))
    for value in asked:
        if value not in known:
            raise ItemError(f"{name} has no {what} {value!r}; it has: {', '.join(known)}")
    return tuple(dict.fromkeys(asked)) or tuple(known)


def _place(parallel_id: str, seed: int) -> bytes:
    """Return the sort key of a fact: pseudo-random, and the same whatever else the set holds."""
    return hashlib.sha256(f"{seed}\n{parallel_id}".encode()).digest()
