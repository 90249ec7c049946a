"""One question in one language: what is asked, what is right, and what could be mistaken for it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from illusion_lib.errors import ItemError

AnswerKind = Literal["name", "words", "sentence", "number"]


def surface(text: str) -> str:
    """Return `text` as names are compared: NFKC, case-folded, white space squeezed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its gold answer and at least one distractor.

    Attributes
    ----------
    id
        Unique in a set: ``"capital/ID/es"``.
    parallel_id
        The same fact in every language shares it (``"capital/ID"``); statistics cluster on it.
    language
        CLDR code of the question and its answers.
    relation
        What is asked for (``"capital"``); distractors are of the same relation and language.
    question
        The question as the model reads it, without instruction or options.
    answer
        The gold answer: the surface form that is scored as an option.
    aliases
        Other surface forms accepted as right.
    distractors
        Wrong answers, never an alias of the gold; with the gold they are the options.
    source
        Where the item comes from, with its licence.
    kind
        What an answer looks like: a ``name``, a few ``words``, a ``sentence`` or a ``number``. The
        prompt asks for it, and sentences are judged in their own way.
    """

    id: str
    parallel_id: str
    language: str
    relation: str
    question: str
    answer: str
    aliases: tuple[str, ...]
    distractors: tuple[str, ...]
    source: str
    kind: AnswerKind = "name"

    def __post_init__(self) -> None:
        for field in ("id", "parallel_id", "language", "relation", "question", "answer", "source"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value.strip():
                raise ItemError(f"item {self.id!r}: field {field!r} is empty; give it a text")
        if self.kind not in get_args(AnswerKind):
            known = ", ".join(get_args(AnswerKind))
            raise ItemError(f"item {self.id!r}: 'kind' is {self.kind!r}; write one of: {known}")
        if not self.distractors:
            raise ItemError(f"item {self.id!r}: fewer than two options; give at least 1 distractor")
        accepted = {surface(form) for form in self.accepted}
        wrong = [surface(text) for text in self.distractors]
        for text, shown in zip(wrong, self.distractors, strict=True):
            if text in accepted:
                raise ItemError(
                    f"item {self.id!r}: distractor {shown!r} is the gold answer or an alias of "
                    "it; replace it"
                )
            if not text:
                raise ItemError(f"item {self.id!r}: a distractor is empty; fill or remove it")
        if len(set(wrong)) < len(wrong):
            raise ItemError(f"item {self.id!r}: a distractor is listed twice; replace one")

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every surface form that counts as right, the gold first."""
        return (self.answer, *self.aliases)
