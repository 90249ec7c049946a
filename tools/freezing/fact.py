"""One fact about a country: a question and its answer in every language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A country, and one thing about it, per language.

    Attributes
    ----------
    relation
        What is asked for.
    country
        ISO 3166 code.
    name
        The country's English name.
    near
        Code of the continent: facts that share it make the better distractors.
    answer
        Code of the answer. Facts may share it: the currency of many countries is the euro.
    source
        Origin and licence.
    asked
        What the question calls the country, by language.
    questions, answers, aliases
        Texts by language.
    """

    relation: str
    country: str
    name: str
    near: str
    answer: str
    source: str
    asked: dict[str, str]
    questions: dict[str, str]
    answers: dict[str, str]
    aliases: dict[str, tuple[str, ...]]

    @property
    def id(self) -> str:
        """The fact's id, shared by its questions in all languages."""
        return f"{self.relation}/{self.country}"

    def accepted(self, language: str) -> tuple[str, ...]:
        """Return the answer and its aliases."""
        return (self.answers[language], *self.aliases[language])
