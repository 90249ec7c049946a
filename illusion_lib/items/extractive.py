"""How answered passages become items with four options, and which questions are left out."""

from __future__ import annotations

from collections.abc import Sequence

from illusion_lib.items.distractors import COUNT, Fact, choose_distractors, flaw
from illusion_lib.items.item import Item
from illusion_lib.items.sources import Loaded, Removed

CLOSED = "-closed"  # closed-book questions are other items, of another relation, than open-book ones


def build_items(name: str, facts: Sequence[Fact], source: str, passage: bool) -> Loaded:
    """Return the items of a set's facts.

    Parameters
    ----------
    name
        The set's name: the relation of its items; ``name-closed`` where no passage is shown.
    facts
        All of the set, in one list of languages.
    source
        Set, revision and licence.
    passage
        Whether an item's question is the passage, a line break, and the question; or the
        question alone.
    """
    removed: list[Removed] = []
    flaws = {fact.id: flaw(fact) for fact in facts}
    for fact in facts:
        found = flaws[fact.id]
        if found is not None:
            removed.append(Removed(fact.id, _known_as(fact), *found))
    # A leaking question is not asked, but its answer is as good a distractor as any.
    usable = [fact for fact in facts if (flaws[fact.id] or ("",))[0] != "unmatchable"]
    chosen = choose_distractors(usable)
    relation = name if passage else name + CLOSED
    items: list[Item] = []
    for fact in facts:
        if flaws[fact.id] is not None:
            continue
        if fact.id not in chosen:
            reason = f"fewer than {COUNT} other answers are of its type and length and apart"
            removed.append(Removed(fact.id, _known_as(fact), "few_options", reason))
            continue
        items += _items(fact, chosen[fact.id], relation, source, passage)
    return Loaded(tuple(items), tuple(removed))


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
        )
        for i, language in enumerate(fact.languages)
    ]
