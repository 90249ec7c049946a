"""How answered passages become items with four options, and which questions are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from illusion_lib.items.distractors import COUNT, Fact, choose_distractors, flaw
from illusion_lib.items.item import Item
from illusion_lib.items.sources import Loaded, Removed

CLOSED = (
    "-closed"  # closed-book questions are other items, of another relation, than open-book ones
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The facts of a set that can be asked, each with its distractors, and those that cannot."""

    chosen: tuple[tuple[Fact, tuple[Fact, ...]], ...]
    removed: tuple[Removed, ...]


def select_facts(facts: Sequence[Fact]) -> Selection:
    """Return which facts of a set are asked; all facts in one list of languages."""
    flaws = {fact.id: flaw(fact) for fact in facts}
    # A leaking question is not asked, but its answer is as good a distractor as any.
    usable = [fact for fact in facts if (flaws[fact.id] or ("",))[0] != "unmatchable"]
    options = choose_distractors(usable)
    chosen: list[tuple[Fact, tuple[Fact, ...]]] = []
    removed: list[Removed] = []
    for fact in facts:
        found = flaws[fact.id]
        if found is None and fact.id not in options:
            found = (
                "few_options",
                f"fewer than {COUNT} answers are of its type and length and apart",
            )
        if found is None:
            chosen.append((fact, options[fact.id]))
        else:
            removed.append(Removed(fact.id, _known_as(fact), *found))
    return Selection(tuple(chosen), tuple(removed))


def build_items(name: str, selection: Selection, source: str, passage: bool) -> Loaded:
    """Return the items of a set's facts.

    Parameters
    ----------
    name
        The set's name: the relation of its items; ``name-closed`` where no passage is shown.
    selection
        What is asked.
    source
        Set, revision and licence.
    passage
        Whether an item's question is the passage, a line break, and the question; or the
        question alone.
    """
    relation = name if passage else name + CLOSED
    items = (
        item
        for fact, wrong in selection.chosen
        for item in _items(fact, wrong, relation, source, passage)
    )
    return Loaded(tuple(items), selection.removed)


def _known_as(fact: Fact) -> str:
    language = "en" if "en" in fact.languages else fact.languages[0]
    return fact.questions[fact.languages.index(language)]


def _items(
    fact: Fact, wrong: Sequence[Fact], relation: str, source: str, passage: bool
) -> list[Item]:
    return [
        Item(
            id=f"{relation}/{fact.id}/{language}",
            parallel_id=fact.id,
            language=language,
            relation=relation,
            question=f"{fact.passages[i]}\n{fact.questions[i]}" if passage else fact.questions[i],
            answer=fact.accepted[i][0],
            aliases=fact.accepted[i][1:],
            distractors=tuple(other.golds[i] for other in wrong),
            source=source,
            kind="words",
        )
        for i, language in enumerate(fact.languages)
    ]
