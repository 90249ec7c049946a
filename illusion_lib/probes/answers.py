"""Production: what the model answers by itself, and with candidates shown in several ways."""

from __future__ import annotations

import time

from illusion_lib.items.item import Item
from illusion_lib.probes import rows
from illusion_lib.probes.batch import GENERATED, Batch
from illusion_lib.probes.decode import Output, greedy_walk
from illusion_lib.probes.prompts import seeded
from illusion_lib.probes.session import Session
from illusion_lib.probes.walk import drive
from illusion_lib.records import Probe

Forms = list[list[list[int]]]  # of one item: per target, the token ids of its surface forms


def answer(batch: Batch, open_answers: bool) -> tuple[list[Output], list[Forms]]:
    """Let the model answer every generation prompt greedily, all of them at once.

    Parameters
    ----------
    batch
        The items and their encoded prompts.
    open_answers
        Whether the open prompt is answered, too.

    Returns
    -------
    outputs
        The open answers, with the ranks of the targets' first tokens along them.
    forms
        Per item, the targets' surface forms in tokens.
    """
    started = time.perf_counter()
    session, limit = batch.session, batch.session.spec.max_new_tokens
    shown: list[Probe] = [name for name in GENERATED if name in batch.asked]
    forms: list[Forms] = []
    walks = []
    if open_answers:
        pairs = zip(batch.items, batch.prompts("open"), strict=True)
        forms = [[session.forms(item, t, one.text) for t in rows.TARGETS] for item, one in pairs]
        firsts = [[form[0] for target in both for form in target] for both in forms]
        places = [place for group in batch.places["open"] for place in group]
        walk = greedy_walk(session.engine.head, len(places), session.stops, limit, firsts)
        walks.append((walk, places))
    places = [place for name in shown for group in batch.places[name] for place in group]
    if places:
        walk = greedy_walk(session.engine.head, len(places), session.stops, limit)
        walks.append((walk, places))
    found = drive(session.engine, batch.prefix, walks)
    answered = sum(len(places) for _, places in walks)
    seconds = batch.seconds + (time.perf_counter() - started) / max(1, answered)
    outputs: list[Output] = found.pop(0) if open_answers else []
    if open_answers:
        _keep_open(batch, outputs, seconds)
    if places:
        _keep_shown(batch, shown, found[0], seconds)
    return outputs, forms


def _keep_open(batch: Batch, outputs: list[Output], seconds: float) -> None:
    session = batch.session
    told = session.texts(outputs)
    for item, prompt, one in zip(batch.items, batch.prompts("open"), told, strict=True):
        found = rows.generation(item, "open", prompt, one, seconds)
        session.keep(item, "open", found)
        if not found[0].correct and _is_searched(session, item):
            session.searched.add(item.id)
    session.tell("open", len(batch.items), len(session.items))


def _is_searched(session: Session, item: Item) -> bool:
    """Whether recovery runs on a failed item: always if it was picked, else as a control."""
    picked = session.records[item.id].get("choice")
    if picked is None or picked[0].correct:
        return True
    return bool(seeded(session.spec.seed, "control", item.id).random() < session.spec.controls)


def _keep_shown(batch: Batch, shown: list[Probe], outputs: list[Output], seconds: float) -> None:
    session, answers = batch.session, iter(batch.session.texts(outputs))
    for name in shown:
        for item, prompts in zip(batch.items, batch.asked[name], strict=True):
            told = [next(answers) for _ in prompts]
            spent = seconds * len(told)
            if name == "candidates":
                found = rows.generation(item, name, prompts[0], told[0], spent)
            elif name == "shuffled":
                found = rows.shuffled(item, prompts, told, spent)
            else:
                found = rows.recovery(item, name, prompts, told, spent)
            session.keep(item, name, found)
        session.tell(name, len(batch.items), len(session.items))
