"""Turn what a probe found on an item into its records: judged, classed and counted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from illusion_lib.items.item import Item
from illusion_lib.items.judging import Judgement, judge
from illusion_lib.probes.choice import Scores
from illusion_lib.probes.decode import Output
from illusion_lib.probes.degenerate import classify
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


def generation(item: Item, probe: Probe, asked: Asked, told: Told, seconds: float) -> Record:
    """Return the record of one greedy answer."""
    return _row(
        item,
        probe,
        [asked],
        seconds,
        **asdict(judged(item, "gold", told.text)),
        output=told.text,
        output_class=classify(told.text, item.language, told.output.finished),
        output_tokens=len(told.output.tokens),
    )


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


def recognition(
    item: Item, asked: Asked, options: Sequence[str], scores: Scores, tokens: int, seconds: float
) -> Record:
    """Return the record of the option scoring."""
    gold = list(options).index(item.answer)
    return _row(
        item,
        "choice",
        [asked],
        seconds,
        correct=scores.picked == gold,
        output=options[scores.picked],
        options=tuple(options),
        gold_index=gold,
        log_prob_sum=scores.total,
        log_prob_token=scores.token,
        log_prob_character=scores.character,
        log_prob_byte=scores.byte,
        log_prob_pmi=scores.pmi,
        output_tokens=tokens,
    )


def ranking(
    item: Item,
    target: Target,
    asked: Asked,
    slot: int,
    log_probs: Sequence[float],
    ranks: Sequence[int],
    seconds: float,
) -> Record:
    """Return the record of a target read at its slot."""
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
        target_log_prob=float(np.sum(log_probs)),
        output_tokens=len(ranks),
    )
