"""Which questions are asked."""

from __future__ import annotations

from dataclasses import dataclass

from illusion_lib.specs.checks import refuse


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Which questions: a set's name or a JSON-lines path, and how many of it.

    Attributes
    ----------
    name
        A set of `illusion_lib.items.sources.SOURCES` or the path of a ``.jsonl`` or ``.csv`` file.
    languages, relations
        What to keep; empty keeps all.
    limit
        Items per language and relation after a seeded shuffle of the parallel ids; None keeps all.
    seed
        Seed of that shuffle; languages keep the same facts. None keeps the set's own order.
    path
        Local folder of a public set's files; None fetches them from the Hugging Face hub.
    passage
        Whether the question holds the passage that answers it; if not, it is asked closed book.
    """

    name: str = "facts"
    languages: tuple[str, ...] = ("en", "es")
    relations: tuple[str, ...] = ("capital",)
    limit: int | None = 40
    seed: int | None = 0
    path: str | None = None
    passage: bool = True

    def __post_init__(self) -> None:
        refuse(
            self.limit is not None and self.limit < 1,
            f"limit must be at least 1 item a language, got {self.limit}",
        )
