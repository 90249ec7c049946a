"""The sets of questions by name: what each is, and which module reads it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol

from illusion_lib.items.item import Item

FACTS = "facts"
Measure = Literal["first_answer", "nearest"]


@dataclass(frozen=True, slots=True)
class Removed:
    """A question that is asked in no language.

    Attributes
    ----------
    parallel_id
        The fact, such as ``"capital/LU"``.
    name
        What a reader knows it by: the country's English name, or the question.
    kind
        ``leak``: the question gives the answer away in some language. ``disputed``: it has no
        single agreed answer. ``ambiguous``: the answer's name is that of other answers, too
        ("dollar"). ``untranslated``: some language lacks it or lists other options.
        ``unmatchable``: the answer would not be recognised in an output. ``few_options``: fewer
        than three distractors keep the rules of `illusion_lib.items.distractors`.
        ``no_short_answer``: it needs a long answer, yes or no, or none. ``dependent``: it cannot be
        asked without its options.
    reason
        One line for a reader.
    languages
        Where it holds, if that is known; the question is left out in all languages alike.
    """

    parallel_id: str
    name: str
    kind: str
    reason: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What of a set is asked for.

    Attributes
    ----------
    languages, relations
        What to keep; empty keeps all. A source may read more than that, never less.
    path
        Local folder of the set's files; None takes the package's own or the hub's.
    passage
        Whether the question holds the passage that answers it.
    """

    languages: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    path: str | None = None
    passage: bool = True


@dataclass(frozen=True, slots=True)
class Loaded:
    """The items of a set, and what was left out of it."""

    items: tuple[Item, ...]
    removed: tuple[Removed, ...]


class Reader(Protocol):
    """What a source's module has to offer."""

    def read(self, request: Request) -> Loaded:
        """Return at least the requested items."""


@dataclass(frozen=True, slots=True)
class Source:
    """A set of questions.

    Attributes
    ----------
    label
        The set's name for a reader.
    module
        Module below `illusion_lib.items` whose ``read`` returns the items.
    settings
        Fields of `Request` beyond languages and relations that it heeds.
    primary
        The measure of `illusion_lib.items.judging` that decides what is correct, chosen in advance.
    """

    label: str
    module: str
    settings: tuple[str, ...] = ()
    primary: Measure = "first_answer"

    def reader(self) -> Reader:
        """Return the module that reads the set."""
        module: Reader = import_module(f"illusion_lib.items.{self.module}")
        return module


SOURCES: dict[str, Source] = {
    FACTS: Source("facts", "facts"),
    "xquad": Source("XQuAD", "xquad", ("path", "passage")),
    "tydiqa": Source("TyDiQA-GoldP", "tydiqa", ("path", "passage")),
    "truthfulqa": Source("TruthfulQA-multi", "truthfulqa", ("path",), "nearest"),
    "mkqa": Source("MKQA", "mkqa", ("path",)),
    "exams": Source("EXAMS", "exams", ("path",)),
}
