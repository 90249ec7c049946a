"""Put the whole ladder of questions to a model: recognition, production, rank and recovery.

Option scoring, greedy decoding, rank, beams and samples all continue the open prompt, which is
encoded once; recovery probes run on the items that open generation got wrong. All prompts of a
batch are encoded together, and all its answers and searches grow in step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from illusion_lib.errors import ItemError, SpecError
from illusion_lib.items.item import Item
from illusion_lib.models import Model
from illusion_lib.probes.answers import answer
from illusion_lib.probes.batch import Batch, ask
from illusion_lib.probes.budget import Budget
from illusion_lib.probes.letters import pick_letters
from illusion_lib.probes.option_scoring import (
    Neutral,
    choose,
    choose_without_question,
    score_neutral,
)
from illusion_lib.probes.rank import read_ranks
from illusion_lib.probes.recover import recover
from illusion_lib.probes.session import Progress, Session
from illusion_lib.probes.shift import Reference, measure_shift
from illusion_lib.products import packed_weights
from illusion_lib.records import CURVES, RECOVERY, Record, to_frame, to_table
from illusion_lib.specs import ProbeSpec

_TYPICAL_ANSWER = 12  # tokens; what a batch's branches are expected to grow by at most


def run_ladder(
    model: Model,
    items: Sequence[Item],
    spec: ProbeSpec,
    progress: Progress | None = None,
    reference: Reference | None = None,
    budget: Budget | None = None,
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
    reference
        What the dense model says, for the probe ``kl``; see `dense_reference`.
    budget
        How many tokens a batch may hold, and how often that was halved for want of memory; None
        takes as many as the engine thinks right.

    Returns
    -------
    list of Record
        By item in the order given, then by probe, then by target: the gold and, as control, a
        wrong answer. ``kl`` looks for neither and has one row.

    Raises
    ------
    ItemError
        No items, or two with one id.
    SpecError
        The probe ``kl`` without a reference.
    ModelError
        The network cannot be driven, or its logits are not numbers.
    """
    if not items:
        raise ItemError("no items to probe; check languages, relations and limit")
    if len({item.id for item in items}) < len(items):
        raise ItemError("two items have the same id; ids must be unique in a set")
    if "kl" in spec.probes and reference is None:
        raise SpecError(
            "probe 'kl' compares with the dense model; pass reference=dense_reference(dense, items)"
        )
    with packed_weights(model.net):
        session = Session(model, items, spec, progress or (lambda done, total, what: None))
        if budget is not None:
            session.engine = replace(session.engine, budget=budget)
        found = _run(session, reference)
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
        One row per item, probe and target, with the columns of `illusion_lib.records.Record`.

    Examples
    --------
    >>> model = il.load_model("smollm2-135m-instruct")  # doctest: +SKIP
    >>> il.probe(model, il.load_items(limit=5), il.ProbeSpec(beams=4))  # doctest: +SKIP
    """
    return to_frame(to_table(run_ladder(model, items, spec or ProbeSpec())))


def _run(session: Session, reference: Reference | None) -> dict[str, list[Record]]:
    """Return each item's records, in the order of the spec's probes."""
    spec = session.spec
    neutral = score_neutral(session) if {"choice", "choices_only"} & set(spec.probes) else {}
    asked = [ask(session, item) for item in session.items]
    branches = _branches(spec) * min(spec.max_new_tokens, _TYPICAL_ANSWER)
    costs = [
        branches + sum(len(one.ids) for group in prompts.values() for one in group)
        for prompts in asked
    ]

    def work(jobs: list[int]) -> list[None]:
        together = {name: [asked[job][name] for job in jobs] for name in asked[0]}
        batch = Batch.of(session, [session.items[job] for job in jobs], together)
        _put(batch, neutral, reference)
        return [None] * len(jobs)

    session.engine.budget.run(costs, work)
    return {
        item: [row for name in spec.probes for row in found.get(name, [])]
        for item, found in session.records.items()
    }


def _branches(spec: ProbeSpec) -> int:
    """Return how many branches of an item are alive at a time, at most."""
    budgets = {
        "beam": spec.beams,
        "sample": spec.samples,
        "one_shot": spec.demonstrations,
        "beam_curve": sum(spec.widths),
        "sample_curve": spec.samples * len(spec.temperatures),
    }
    return max(4, sum(budgets.get(name, 0) for name in spec.probes))


def _put(batch: Batch, neutral: Neutral, reference: Reference | None) -> None:
    """Ask a batch all that the spec lists; what a probe needs of another comes before it."""
    wanted = set(batch.session.spec.probes)
    if "choice" in wanted:
        choose(batch, neutral)
    if "choices_only" in wanted:
        choose_without_question(batch, neutral)
    if "letter" in wanted:
        pick_letters(batch)
    if "kl" in wanted and reference is not None:
        measure_shift(batch, reference)
    continued = bool({"open", "rank", *RECOVERY, *CURVES} & wanted)
    outputs, forms = answer(batch, open_answers=continued)
    if "rank" in wanted:
        read_ranks(batch, outputs, forms)
    recover(batch)
