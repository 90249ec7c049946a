"""Recovery: whether beams, samples or a demonstration bring back what the open answer missed.

All searches of a batch run in step, so that the network computes them together; what a beam, a
sample and a wider beam have in common is computed once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from illusion_lib.items.item import Item
from illusion_lib.probes import rows
from illusion_lib.probes.batch import Batch
from illusion_lib.probes.beam import beam_walk
from illusion_lib.probes.decode import Output, greedy_walk, sample_walk
from illusion_lib.probes.prefix import stack
from illusion_lib.probes.prompts import demonstrations, seeded
from illusion_lib.probes.rows import Asked, Told
from illusion_lib.probes.session import Session
from illusion_lib.probes.walk import Walk, drive
from illusion_lib.records import CURVES, RECOVERY, Probe, Record


@dataclass(frozen=True, slots=True)
class _Search:
    """One search of one probe: where it starts, and its budget where the probe has several."""

    probe: Probe
    walk: Walk
    places: Sequence[int]
    budget: float = 0.0


def recover(batch: Batch) -> None:
    """Search every failed item of a batch with all recovery probes."""
    session = batch.session
    wrong = [k for k, item in enumerate(batch.items) if item.id in session.searched]
    wanted = [name for name in (*RECOVERY, *CURVES) if name in session.spec.probes]
    if not wrong or not wanted:
        return
    started = time.perf_counter()
    items = [batch.items[k] for k in wrong]
    asked = {item.id: batch.prompts("open")[k] for k, item in zip(wrong, items, strict=True)}
    prefix = batch.prefix.select([batch.places["open"][k][0] for k in wrong])
    shown = [_one_shot(session, item) if "one_shot" in wanted else [] for item in items]
    if any(shown):
        pairs = [pair for group in shown for pair in group]
        kinds = [demo for demo, _ in pairs]
        prefix = stack([prefix, session.engine.prefill([one.ids for _, one in pairs], kinds)])
    searches = _searches(session, items, len(prefix.tokens))
    found = drive(session.engine, prefix, [(one.walk, one.places) for one in searches])
    told: dict[Probe, list[list[list[Told]]]] = {}  # by probe and budget, each item's answers
    for search, outputs in zip(searches, found, strict=True):
        groups = _by_item(outputs, shown) if search.probe == "one_shot" else outputs
        told.setdefault(search.probe, []).append([session.texts(group) for group in groups])
    if "one_shot" in wanted:
        told.setdefault("one_shot", [[[] for _ in items]])  # nothing to show for any item
    seconds = (time.perf_counter() - started) / len(items) / len(told)
    for name, budgets in told.items():
        for item, group, *answers in zip(items, shown, *budgets, strict=True):
            prompts = [one for _, one in group] if name == "one_shot" else [asked[item.id]]
            spent = [search.budget for search in searches if search.probe == name]
            session.keep(item, name, _records(item, name, prompts, spent, answers, seconds))
        session.tell(name, len(items), len(session.searched))


def _records(
    item: Item,
    name: Probe,
    prompts: list[Asked],
    budgets: list[float],
    answers: list[list[Told]],
    seconds: float,
) -> list[Record]:
    if name in CURVES:
        return rows.curve(item, name, prompts, budgets, answers, seconds)
    return rows.recovery(item, name, prompts, answers[0], seconds)


def _searches(session: Session, items: list[Item], places: int) -> list[_Search]:
    """Return the searches that the spec asks for, ready to be driven."""
    spec, head, stops = session.spec, session.engine.head, session.stops
    limit, count = spec.max_new_tokens, len(items)

    def beam(width: int) -> Walk:
        return beam_walk(head, count, stops, limit, width)

    def sample(temperature: float) -> Walk:
        # At every temperature the same numbers decide: what differs is the temperature's doing.
        draws = [
            seeded(spec.seed, "sample", item.id).random((spec.samples, limit)) for item in items
        ]
        return sample_walk(head, stops, draws, temperature)

    budgets: dict[Probe, list[tuple[float, Walk]]] = {
        "beam": [(spec.beams, beam(spec.beams))],
        "beam_curve": [(width, beam(width)) for width in spec.widths],
        "sample": [(spec.temperature, sample(spec.temperature))],
        "sample_curve": [(heat, sample(heat)) for heat in spec.temperatures],
    }
    searches = [
        _Search(name, walk, range(count), budget)
        for name, walks in budgets.items()
        if name in spec.probes
        for budget, walk in walks
    ]
    if places > count:
        walk = greedy_walk(head, places - count, stops, limit)
        searches.append(_Search("one_shot", walk, range(count, places)))
    return searches


def _one_shot(session: Session, item: Item) -> list[tuple[str, Asked]]:
    """Return an item's one-shot prompts, each with the id of its demonstration."""
    spec = session.spec
    return [
        (demo.id, session.ask(session.prompts.one_shot(item, demo)))
        for demo in demonstrations(item, session.items, spec.demonstrations, spec.seed)
    ]


def _by_item(outputs: list[Output], shown: list[list[tuple[str, Asked]]]) -> list[list[Output]]:
    rest = iter(outputs)
    return [[next(rest) for _ in group] for group in shown]
