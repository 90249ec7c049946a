"""Which questions a run asks, and in which order."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from illusion_lib.errors import ItemError
from illusion_lib.items.item import Item
from illusion_lib.items.read import read_items
from illusion_lib.items.sources import SOURCES, Loaded, Removed, Request

_log = logging.getLogger(__name__)


def load_items(
    name: str = "facts",
    languages: Sequence[str] = ("en", "es"),
    relations: Sequence[str] = ("capital",),
    limit: int | None = None,
    seed: int | None = 0,
    *,
    path: str | None = None,
    passage: bool = True,
) -> tuple[Item, ...]:
    """Load question items, the same facts in every language.

    Parameters
    ----------
    name
        A name of `illusion_lib.items.sources.SOURCES` (``facts``, ``xquad``, ``tydiqa``,
        ``truthfulqa``, ``mkqa``, ``exams``), or the path of a ``.jsonl`` or ``.csv`` file (its
        fields are described in `illusion_lib.items.read`).
    languages, relations
        What to keep, in this order; empty keeps all that the set holds, sorted by name. The facts
        have the relations ``capital``, ``continent``, ``currency`` and ``official_language``.
    limit
        Items per language and relation, taken after a seeded shuffle of the parallel ids: a
        parallel set keeps the same facts in each language, and a smaller limit keeps a prefix of
        a larger one. None keeps all.
    seed
        Seed of that shuffle, which also orders the result. None keeps the set's own order: the
        facts are listed by population, so that the best-known countries come first.
    path
        Local folder of a public set's files; None fetches them from the Hugging Face hub. The
        facts come with the package.
    passage
        Whether the questions of ``xquad`` and ``tydiqa`` hold the passage that answers them; if
        not, they are closed-book items of the relation ``xquad-closed`` or ``tydiqa-closed``.

    Returns
    -------
    tuple of Item
        By relation, then language, then shuffled fact; no draw depends on what else is asked for.

    Raises
    ------
    ItemError
        The set does not exist, cannot be fetched or is malformed, holds nothing of a language or
        relation, or holds fewer items than `limit`.
    """
    for what, asked in (("languages", languages), ("relations", relations)):
        if isinstance(asked, str):
            raise ItemError(f"{what} must be a list, got the text {asked!r}; write [{asked!r}]")
    if limit is not None and limit < 1:
        raise ItemError(f"limit must be at least 1 item a language, got {limit}")
    loaded = _read(name, Request(tuple(languages), tuple(relations), path, passage))
    items = loaded.items
    if not items:
        kinds = ", ".join(sorted({fact.kind for fact in loaded.removed})) or "none there"
        raise ItemError(f"{name}: no question of the set can be asked ({kinds}); fetch it again")
    chosen: list[Item] = []
    for relation in _asked(relations, (item.relation for item in items), "relation", name):
        related = [item for item in items if item.relation == relation]
        for language in _asked(languages, (item.language for item in related), "language", name):
            pool = [item for item in related if item.language == language]
            if seed is not None:
                pool.sort(key=partial(_place, seed=seed))
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
    for fields in content:
        if fields["kind"] == "name":  # results from before there were kinds keep their key
            del fields["kind"]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def items_removed(
    name: str = "facts",
    languages: Sequence[str] = (),
    relations: Sequence[str] = (),
    *,
    path: str | None = None,
) -> tuple[Removed, ...]:
    """Return the questions of a set that are left out, each with its kind and reason.

    Parameters
    ----------
    name, languages, relations, path
        As in `load_items`. Of a parallel set every removal is returned, for it holds in every
        language.

    Raises
    ------
    ItemError
        The set does not exist, cannot be fetched or is malformed.
    """
    return _read(name, Request(tuple(languages), tuple(relations), path)).removed


def _read(name: str, request: Request) -> Loaded:
    source = SOURCES.get(name)
    if source is None:
        file = Path(name)
        if file.suffix.lower() not in {".jsonl", ".csv"}:
            known = ", ".join(map(repr, SOURCES))
            raise ItemError(f"unknown items {name!r}; give {known} or the path of a .jsonl or .csv")
        _no_path(name, request)
        return Loaded(read_items(file), ())
    if "path" not in source.settings:
        _no_path(name, request)
    loaded = source.reader().read(request)
    if loaded.removed:
        kinds = Counter(fact.kind for fact in loaded.removed)
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        _log.info("%s: %d questions left out (%s)", name, len(loaded.removed), counts)
    return loaded


def _no_path(name: str, request: Request) -> None:
    if request.path is not None:
        raise ItemError(f"{name} is not read from a folder; leave path {request.path!r} out")


def _asked(asked: Sequence[str], existing: Iterable[str], what: str, name: str) -> tuple[str, ...]:
    """Return what is asked for, each once, or all that exists; refuse what does not exist."""
    known = sorted(set(existing))
    for value in asked:
        if value not in known:
            raise ItemError(f"{name} has no {what} {value!r}; it has: {', '.join(known)}")
    return tuple(dict.fromkeys(asked)) or tuple(known)


def _place(item: Item, seed: int) -> bytes:
    """Return the sort key of a fact: pseudo-random, and the same whatever else the set holds."""
    return hashlib.sha256(f"{seed}\n{item.parallel_id}".encode()).digest()
