"""Recovery: whether beams, samples or a demonstration bring back what the open answer missed.

All beams and samples of a batch grow in step, so that the network computes them together; what a
beam, a sample and a wider beam have in common is computed once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from illusion_lib.items.item import Item
from illusion_lib.probes import rows
from illusion_lib.probes.batch import Batch
from illusion_lib.probes.beam import beam_walk
from illusion_lib.probes.decode import greedy, sample_walk
from illusion_lib.probes.prompts import demonstrations, seeded
from illusion_lib.probes.rows import Asked, Told
from illusion_lib.probes.session import Session
from illusion_lib.probes.walk import Walk, drive
from illusion_lib.records import CURVES, RECOVERY, Probe, Record

Shown = tuple[str, Asked]  # id of a demonstration, and the prompt with it


@dataclass(frozen=True, slots=True)
class _Search:
    """One search of one probe, with its budget."""

    probe: Probe
    walk: Walk
    budget: float


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
    searches = _searches(session, items)
    walks = [(search.walk, range(len(items))) for search in searches]
    found = drive(session.engine, prefix, walks) if walks else []
    told: dict[Probe, list[list[list[Told]]]] = {}  # by probe and budget, each item's answers
    for search, outputs in zip(searches, found, strict=True):
        told.setdefault(search.probe, []).append([session.texts(group) for group in outputs])
    shown: list[list[Shown]] = [[] for _ in items]
    if "one_shot" in wanted:
        shown = [_one_shot(session, item) for item in items]
        told["one_shot"] = [_answers(session, shown)]
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


def _searches(session: Session, items: list[Item]) -> list[_Search]:
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
    return [
        _Search(name, walk, budget)
        for name, walks in budgets.items()
        if name in spec.probes
        for budget, walk in walks
    ]


def _one_shot(session: Session, item: Item) -> list[Shown]:
    """Return an item's one-shot prompts, each with the id of its demonstration."""
    spec = session.spec
    return [
        (demo.id, session.ask(session.prompts.one_shot(item, demo)))
        for demo in demonstrations(item, session.items, spec.demonstrations, spec.seed)
    ]


def _answers(session: Session, shown: list[list[Shown]]) -> list[list[Told]]:
    """Return the greedy answers to each item's one-shot prompts."""
    pairs = [pair for group in shown for pair in group]
    if not pairs:
        return [[] for _ in shown]
    prefix = session.engine.prefill([one.ids for _, one in pairs], [demo for demo, _ in pairs])
    outputs = greedy(session.engine, prefix, session.stops, session.spec.max_new_tokens)
    told = iter(session.texts(outputs))
    return [[next(told) for _ in group] for group in shown]
