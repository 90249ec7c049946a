"""How near the top an answer was: where it could have begun, and its first token's rank there.

A model often writes a lead-in before its answer ("The capital of Peru is ..."); at the very first
position the answer's rank then says nothing. So the rank is read along the model's own greedy path:
the least rank that the first token of any accepted form has at a position of the path's first line.
If the greedy output holds the answer, that is rank 1 where it begins. A longer path gives a target
more chances; the control target takes the same path and has exactly as many.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from illusion_lib.probes import rows
from illusion_lib.probes.answers import Forms
from illusion_lib.probes.batch import Batch
from illusion_lib.probes.decode import Output


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a target is read.

    Attributes
    ----------
    place
        Number of tokens that the model wrote before it.
    form
        Which of the target's forms ranks best there.
    rank
        Of that form's first token; 1 is the top.
    """

    place: int
    form: int
    rank: int


def find_slot(ranks: Sequence[Sequence[int]], forms: Sequence[int], steps: int) -> Slot:
    """Return the place of the greedy path where a target's first token ranks best.

    Parameters
    ----------
    ranks
        Per step of the path, the rank of every watched token.
    forms
        Which of the watched tokens begin the target.
    steps
        How many steps belong to the path's first line; the earliest wins a tie.

    Examples
    --------
    >>> find_slot([[14, 90], [2, 1]], forms=[0], steps=2)
    Slot(place=1, form=0, rank=2)
    """
    rank, place, form = min(
        (ranks[step][watched], step, form)
        for step in range(steps)
        for form, watched in enumerate(forms)
    )
    return Slot(place, form, rank)


def first_line(tokens: Sequence[int], newlines: frozenset[int]) -> int:
    """Return how many of the generated tokens come before the line break that ends the first line.

    Line breaks before any text count as part of the line.
    """
    text = next((i for i, token in enumerate(tokens) if token not in newlines), len(tokens))
    return next((i for i in range(text, len(tokens)) if tokens[i] in newlines), len(tokens))


def read_ranks(batch: Batch, outputs: Sequence[Output], forms: Sequence[Forms]) -> None:
    """Read both targets of every item at their slots along the open answers.

    Parameters
    ----------
    batch
        The items and their encoded prompts.
    outputs, forms
        What `illusion_lib.probes.answers.answer` returned.
    """
    started = time.perf_counter()
    session, targets = batch.session, len(rows.TARGETS)
    slots: list[Slot] = []
    sequences: list[list[int]] = []
    for output, both in zip(outputs, forms, strict=True):
        line = first_line(output.tokens, session.encoder.newlines)
        first = 0
        for target in both:
            watched = range(first, first + len(target))
            slot = find_slot(output.ranks, watched, min(line + 1, len(output.ranks)))
            slots.append(slot)
            sequences.append([*output.tokens[: slot.place], *target[slot.form]])
            first += len(target)
    owners = [i for i in range(len(batch.items)) for _ in rows.TARGETS]
    scored = session.engine.score(batch.part("open"), owners, sequences)
    seconds = (time.perf_counter() - started) / len(sequences)
    for i, (item, prompt) in enumerate(zip(batch.items, batch.prompts("open"), strict=True)):
        found = [
            rows.ranking(item, name, prompt, slots[k].place, scored[k], seconds)
            for k, name in enumerate(rows.TARGETS, start=targets * i)
        ]
        session.keep(item, "rank", found)
    session.tell("rank", len(batch.items), len(session.items))
