"""One batch of items: all the prompts that they are asked with, encoded together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from illusion_lib.items.item import Item
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.prompts import option_orders
from illusion_lib.probes.rows import Asked
from illusion_lib.probes.session import Session
from illusion_lib.records import Probe

# Probes that ask with a prompt of their own; all others continue the open prompt.
GENERATED: tuple[Probe, ...] = ("candidates", "gold_absent", "gold_only", "shuffled")
OWN_PROMPT: tuple[Probe, ...] = (*GENERATED, "letter", "choices_only")


@dataclass(frozen=True, slots=True)
class Batch:
    """Items, their prompts and what is encoded of them.

    Attributes
    ----------
    session, items
        The run, and its items that are asked together.
    asked
        By probe and item, the prompts; ``open`` has one that most probes continue.
    places
        By probe and item, where these prompts lie in `prefix`.
    prefix
        All prompts encoded.
    seconds
        What encoding took, per prompt.
    """

    session: Session
    items: list[Item]
    asked: dict[Probe, list[list[Asked]]]
    places: dict[Probe, list[list[int]]]
    prefix: Prefix
    seconds: float

    @classmethod
    def of(
        cls, session: Session, items: list[Item], asked: dict[Probe, list[list[Asked]]]
    ) -> Batch:
        """Return the batch of some items, encoded; prompts of a probe and language share a head."""
        started = time.perf_counter()
        flat: list[list[int]] = []
        kinds: list[tuple[Probe, str, str]] = []
        places: dict[Probe, list[list[int]]] = {}
        for name, prompts in asked.items():
            places[name] = []
            for item, group in zip(items, prompts, strict=True):
                places[name].append(list(range(len(flat), len(flat) + len(group))))
                flat += [prompt.ids for prompt in group]
                kinds += [(name, item.language, item.relation)] * len(group)
        prefix = session.engine.prefill(flat, kinds)
        return cls(
            session, items, asked, places, prefix, (time.perf_counter() - started) / len(flat)
        )

    def prompts(self, name: Probe) -> list[Asked]:
        """Return each item's (first) prompt of a probe."""
        return [group[0] for group in self.asked[name]]

    def part(self, name: Probe) -> Prefix:
        """Return the encoded prompts of a probe, all of every item in turn."""
        return self.prefix.select([place for group in self.places[name] for place in group])


def ask(session: Session, item: Item) -> dict[Probe, list[Asked]]:
    """Return an item's prompts, by probe, as far as the probes asked for need them."""
    names: list[Probe] = [name for name in OWN_PROMPT if name in session.spec.probes]
    if set(session.spec.probes) - set(OWN_PROMPT):
        names = ["open", *names]
    return {name: [session.ask(text) for text in _texts(session, item, name)] for name in names}


def _texts(session: Session, item: Item, name: Probe) -> Sequence[str]:
    prompts, spec = session.prompts, session.spec
    orders = option_orders(item, spec.orders, spec.seed)
    if name == "open":
        return [prompts.open(item)]
    if name == "letter":
        return [prompts.lettered(item, order) for order in orders]
    if name == "choices_only":
        return [prompts.choices_only(item, orders[0])]
    shown: dict[Probe, list[tuple[str, ...]]] = {
        "candidates": [orders[0]],
        "gold_absent": [tuple(text for text in orders[0] if text != item.answer)],
        "gold_only": [(item.answer,)],
        "shuffled": orders,
    }
    return [prompts.candidates(item, options) for options in shown[name]]
