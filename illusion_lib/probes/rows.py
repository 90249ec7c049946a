"""Turn what a probe found on an item into its records: judged, classed and counted.

Every probe that looks for an answer gives two records: one for the gold, and as its control one for
a wrong answer, the item's first distractor. The same outputs are judged twice; nothing is computed
for the control alone but its rank. ``kl`` looks for no answer and so has one record.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from illusion_lib.items.item import Item
from illusion_lib.items.judging import Judgement, judge
from illusion_lib.probes.choice import Scores
from illusion_lib.probes.decode import Output
from illusion_lib.probes.degenerate import classify
from illusion_lib.probes.head import Scored
from illusion_lib.records import Probe, Record, Target

TARGETS: tuple[Target, ...] = ("gold", "distractor")


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt as it was put to the model.

    Attributes
    ----------
    text
        The prompt.
    ids
        Its token ids.
    cut
        Whether its beginning had to go.
    """

    text: str
    ids: list[int]
    cut: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A generated answer: its text, and what was generated."""

    text: str
    output: Output


def target_forms(item: Item, target: Target) -> tuple[str, ...]:
    """Return the surface forms that count as the target."""
    return item.accepted if target == "gold" else item.distractors[:1]


def judged(item: Item, target: Target, text: str) -> Judgement:
    """Return how near a text comes to the target, all other options being its rivals."""
    rivals = item.distractors if target == "gold" else (*item.accepted, *item.distractors[1:])
    return judge(text, target_forms(item, target), rivals, item.language, item.kind)


def _row(item: Item, probe: Probe, asked: Sequence[Asked], seconds: float, **found: Any) -> Record:
    digest = hashlib.sha256()
    for prompt in asked:
        digest.update(np.asarray(prompt.ids, dtype="<i8").tobytes())
    return Record(
        item_id=item.id,
        parallel_id=item.parallel_id,
        language=item.language,
        relation=item.relation,
        question=item.question,
        gold=item.answer,
        probe=probe,
        prompt_hash=digest.hexdigest()[:16],
        prompt_tokens=sum(len(prompt.ids) for prompt in asked),
        truncated_prompt=any(prompt.cut for prompt in asked),
        seconds=seconds,
        **found,
    )


def generation(item: Item, probe: Probe, asked: Asked, told: Told, seconds: float) -> list[Record]:
    """Return the records of one greedy answer, one per target."""
    return [
        _row(
            item,
            probe,
            [asked],
            seconds / len(TARGETS),
            target=target,
            **asdict(judged(item, target, told.text)),
            output=told.text,
            output_class=classify(told.text, item.language, told.output.finished),
            output_tokens=len(told.output.tokens),
        )
        for target in TARGETS
    ]


def recovery(
    item: Item, probe: Probe, asked: Sequence[Asked], told: Sequence[Told], seconds: float
) -> list[Record]:
    """Return the records of several answers to one item, one per target."""
    records = []
    for target in TARGETS:
        found = [judged(item, target, one.text) for one in told]
        right = [one.correct for one in found]
        first = asdict(found[0]) | {"correct": any(right)} if found else {}
        records.append(
            _row(
                item,
                probe,
                asked,
                seconds / len(TARGETS),
                target=target,
                output=told[0].text if told else None,
                outputs=tuple(one.text for one in told),
                successes=sum(right),
                tries=len(right),
                output_class=classify(told[0].text, item.language, told[0].output.finished)
                if told
                else None,
                output_tokens=sum(len(one.output.tokens) for one in told),
                **first,
            )
        )
    return records


def curve(
    item: Item,
    probe: Probe,
    asked: Sequence[Asked],
    budgets: Sequence[float],
    told: Sequence[Sequence[Told]],
    seconds: float,
) -> list[Record]:
    """Return the records of answers found with several budgets, one per target."""
    records = []
    for target in TARGETS:
        found = [[judged(item, target, one.text).correct for one in group] for group in told]
        records.append(
            _row(
                item,
                probe,
                asked,
                seconds / len(TARGETS),
                target=target,
                correct=any(any(right) for right in found),
                budgets=tuple(map(float, budgets)),
                budget_successes=tuple(map(sum, found)),
                budget_tries=tuple(map(len, found)),
                output_tokens=sum(len(one.output.tokens) for group in told for one in group),
            )
        )
    return records


def shuffled(
    item: Item, asked: Sequence[Asked], told: Sequence[Told], seconds: float
) -> list[Record]:
    """Return the records of answers to the options in several orders, one per target."""
    options = (item.answer, *item.distractors)
    named = [
        next((text for text in options if named_in(item, text, one.text)), None) for one in told
    ]
    share = agreement([text for text in named if text is not None], len(named))
    return [
        replace(record, agreement=share)
        for record in recovery(item, "shuffled", asked, told, seconds)
    ]


def named_in(item: Item, option: str, text: str) -> bool:
    """Return whether a text answers with one of the item's options."""
    if option == item.answer:
        return judged(item, "gold", text).correct
    rivals = (*item.accepted, *(other for other in item.distractors if other != option))
    return judge(text, [option], rivals, item.language, item.kind).correct


def agreement(named: Sequence[str], orders: int) -> float:
    """Return the share of the orders in which the option named most often was named.

    >>> agreement(["Lima", "Lima", "Quito"], orders=4)
    0.5
    """
    return max(Counter(named).values(), default=0) / orders


def lettered(
    item: Item,
    asked: Sequence[Asked],
    orders: Sequence[tuple[str, ...]],
    scores: Sequence[Scores],
    seconds: float,
) -> list[Record]:
    """Return the records of the letters' scoring in several orders; the first one decides."""
    picks = [order[one.picked] for order, one in zip(orders, scores, strict=True)]
    return [
        _row(
            item,
            "letter",
            asked,
            seconds / len(TARGETS),
            target=target,
            correct=picks[0] == wanted,
            output=picks[0],
            outputs=tuple(picks),
            successes=picks.count(wanted),
            tries=len(picks),
            agreement=agreement(picks, len(picks)),
            options=orders[0],
            gold_index=orders[0].index(item.answer),
            log_prob_sum=scores[0].total,
            output_tokens=sum(len(one.total) for one in scores),
        )
        for target, wanted in _options_of(item)
    ]


def _options_of(item: Item) -> list[tuple[Target, str]]:
    """Return each target with its text among the options."""
    return [(target, target_forms(item, target)[0]) for target in TARGETS]


def shift(item: Item, asked: Asked, divergence: float, seconds: float) -> Record:
    """Return the record of how far the next-token distribution moved."""
    return _row(item, "kl", [asked], seconds, kl_dense=divergence, output_tokens=0)


def recognition(
    item: Item,
    probe: Literal["choice", "choices_only"],
    asked: Asked,
    options: Sequence[str],
    scores: Scores,
    scored: Sequence[Scored],
    seconds: float,
) -> list[Record]:
    """Return the records of the option scoring, one per target.

    `scored` is what is said of each option's tokens: the target's ranks right after the prompt
    come with it and cost nothing.
    """
    picked = options[scores.picked]
    places = {target: options.index(wanted) for target, wanted in _options_of(item)}
    return [
        _row(
            item,
            probe,
            [asked],
            seconds / len(TARGETS),
            target=target,
            correct=scores.picked == place,
            output=picked,
            options=tuple(options),
            gold_index=options.index(item.answer),
            log_prob_sum=scores.total,
            log_prob_token=scores.token,
            log_prob_character=scores.character,
            log_prob_byte=scores.byte,
            log_prob_pmi=scores.pmi,
            slot=0,
            target_rank=scored[place].ranks[0],
            target_ranks=tuple(scored[place].ranks),
            target_log_prob=scores.total[place],
            target_margin=scored[place].margins[0],
            output_tokens=sum(len(one.ranks) for one in scored),
        )
        for target, place in places.items()
    ]


def ranking(
    item: Item,
    target: Target,
    asked: Asked,
    slot: int,
    scored: Scored,
    seconds: float,
) -> Record:
    """Return the record of a target read at its slot, the path up to there being scored with it."""
    ranks = scored.ranks[slot:]
    return _row(
        item,
        "rank",
        [asked],
        seconds,
        target=target,
        correct=ranks[0] == 1,
        slot=slot,
        target_rank=ranks[0],
        target_ranks=tuple(ranks),
        target_log_prob=float(np.sum(scored.log_probs[slot:])),
        target_margin=scored.margins[slot],
        output_tokens=len(ranks),
    )
