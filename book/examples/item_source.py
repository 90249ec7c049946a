"""Sums: questions about arithmetic, made rather than read; the wrong options are near misses."""

from __future__ import annotations

import random

from illusion_lib.items.item import Item
from illusion_lib.items.sources import Loaded, Request, Source

# The line for `items/sources.py`: label and module below `illusion_lib.items`.
SOURCE = Source("sums", "sums")
_ASK = {"en": "What is {} plus {}?", "de": "Wie viel ist {} plus {}?"}


def read(request: Request) -> Loaded:
    """Return a hundred sums, the same in every language; `load_items` limits and samples them."""
    draw = random.Random(0)
    pairs = sorted({(draw.randint(11, 99), draw.randint(11, 99)) for _ in range(100)})
    items = [_item(language, a, b) for language in _ASK for a, b in pairs]
    return Loaded(tuple(items), removed=())


def _item(language: str, a: int, b: int) -> Item:
    key = f"sum/{a}+{b}"  # shared by the languages, so that they count as one fact
    return Item(
        id=f"{key}/{language}",
        parallel_id=key,
        language=language,
        relation="sum",
        question=_ASK[language].format(a, b),
        answer=str(a + b),
        aliases=(),
        distractors=(str(a + b - 10), str(a + b + 1), str(a + b + 10)),
        source="made by this file",
        kind="number",
    )
