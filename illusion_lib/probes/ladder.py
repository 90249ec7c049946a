"""Put the whole ladder of questions to a model: recognition, production, rank and recovery.

Option scoring, greedy decoding, rank, beams and samples all continue the open prompt, which is
encoded once. Recovery probes run on the items that open generation got wrong.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from illusion_lib.errors import ItemError
from illusion_lib.items.item import Item
from illusion_lib.models import Model
from illusion_lib.probes import rows
from illusion_lib.probes.decode import greedy
from illusion_lib.probes.open_prompt import OpenPrompt
from illusion_lib.probes.prompts import demonstrations, shuffled_options
from illusion_lib.probes.rows import Asked, Told
from illusion_lib.probes.session import Progress, Session
from illusion_lib.records import Probe, Record, to_frame, to_table
from illusion_lib.specs import ProbeSpec


def run_ladder(
    model: Model, items: Sequence[Item], spec: ProbeSpec, progress: Progress | None = None
) -> list[Record]:
    """Ask a model everything that `spec` lists.

    Parameters
    ----------
    model
        The model, dense or pruned.
    items
        The questions; their order does not matter to what is found.
    spec
        Which probes, and their budgets.
    progress
        Called with (items done, items in all, probe) as items finish.

    Returns
    -------
    list of Record
        By item in the order given, then by probe; recovery and rank rows once per target.

    Raises
    ------
    ItemError
        No items, or two with one id.
    ModelError
        The network cannot be driven, or its logits are not numbers.
    """
    if not items:
        raise ItemError("no items to probe; check languages, relations and limit")
    if len({item.id for item in items}) < len(items):
        raise ItemError("two items have the same id; ids must be unique in a set")
    found = _run(Session(model, items, spec, progress or (lambda done, total, what: None)))
    return [record for item in items for record in found[item.id]]


def probe(model: Model, items: Sequence[Item], spec: ProbeSpec | None = None) -> pd.DataFrame:
    """Ask a model everything that `spec` lists, and return the records as a data frame.

    Parameters
    ----------
    model
        The model, dense or pruned.
    items
        The questions.
    spec
        Which probes, and their budgets; the defaults if None.

    Returns
    -------
    DataFrame
        One row per item and probe, with the columns of `illusion_lib.records.Record`.

    Examples
    --------
    >>> model = il.load_model("smollm2-135m-instruct")  # doctest: +SKIP
    >>> il.probe(model, il.load_items(limit=5), il.ProbeSpec(beams=4))  # doctest: +SKIP
    """
    return to_frame(to_table(run_ladder(model, items, spec or ProbeSpec())))


def _run(session: Session) -> dict[str, list[Record]]:
    """Return each item's records, in the order of the spec's probes."""
    asked = set(session.spec.probes)
    if asked - {"candidates"}:
        OpenPrompt(session).run()
    if "candidates" in asked:
        _candidate_prompts(session)
    if "one_shot" in asked:
        _one_shot_prompts(session)
    return {
        item: [row for name in session.spec.probes for row in found.get(name, [])]
        for item, found in session.records.items()
    }


def _candidate_prompts(session: Session) -> None:
    for items in session.by_language():
        asked = [
            session.ask(session.prompts.candidates(item, shuffled_options(item, session.spec.seed)))
            for item in items
        ]
        timed = _answers(session, asked, "candidates", len(session.items))
        for item, prompt, (told, seconds) in zip(items, asked, timed, strict=True):
            record = rows.generation(item, "candidates", prompt, told, seconds)
            session.keep(item, "candidates", [record])


def _one_shot_prompts(session: Session) -> None:
    wrong = [item for item in session.items if item.id in session.searched]
    shown = {
        item.id: demonstrations(item, session.items, session.spec.demonstrations, session.spec.seed)
        for item in wrong
    }
    asked: dict[tuple[str, str], Asked] = {}
    together: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for item in wrong:
        for demo in shown[item.id]:
            asked[item.id, demo.id] = session.ask(session.prompts.one_shot(item, demo))
            together[demo.id].append((item.id, demo.id))
    answers: dict[tuple[str, str], tuple[Told, float]] = {}
    # Prompts with one demonstration share all of it, so they go together.
    for pairs in together.values():
        timed = _answers(session, [asked[pair] for pair in pairs], "one_shot", len(asked))
        answers.update(zip(pairs, timed, strict=True))
    for item in wrong:
        pairs = [(item.id, demo.id) for demo in shown[item.id]]
        told = [answers[pair][0] for pair in pairs]
        seconds = sum(answers[pair][1] for pair in pairs)
        prompts = [asked[pair] for pair in pairs]
        session.keep(item, "one_shot", rows.recovery(item, "one_shot", prompts, told, seconds))


def _answers(
    session: Session, asked: list[Asked], name: Probe, total: int
) -> list[tuple[Told, float]]:
    """Return the greedy answer to each prompt, with its seconds."""
    limit = session.spec.max_new_tokens

    def work(jobs: list[int]) -> list[tuple[Told, float]]:
        started = time.perf_counter()
        prefix = session.engine.prefill([asked[job].ids for job in jobs])
        outputs = greedy(session.engine, prefix, session.stops, limit)
        seconds = (time.perf_counter() - started) / len(jobs)
        return [(told, seconds) for told in session.texts(outputs)]

    costs = [len(prompt.ids) + limit for prompt in asked]
    return session.engine.budget.run(costs, work, lambda n: session.tell(name, n, total))
