"""The records of a run: one row per item, probe and target, and what each column means.

Every table and figure is derived from these rows. A column that a probe does not fill is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

import pandas as pd
import pyarrow as pa

Probe = Literal[
    "open",
    "candidates",
    "choice",
    "rank",
    "beam",
    "sample",
    "one_shot",
    "letter",
    "choices_only",
    "gold_absent",
    "gold_only",
    "shuffled",
    "beam_curve",
    "sample_curve",
    "kl",
]
Target = Literal["gold", "distractor"]
OutputClass = Literal["ok", "empty", "repetition", "wrong_language", "truncated"]

PRODUCTION: Probe = "open"
RECOGNITION: Probe = "choice"
RECOVERY: tuple[Probe, ...] = ("beam", "sample", "one_shot")
LADDER: tuple[Probe, ...] = ("open", "candidates", "choice", "rank", *RECOVERY)
CURVES: tuple[Probe, ...] = ("beam_curve", "sample_curve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one probe found on one item.

    Attributes
    ----------
    item_id, parallel_id, language, relation, question, gold
        Copied from the item, so that records can be read alone.
    probe
        ``open`` greedy generation; ``candidates`` the same with the options shown; ``choice``
        option log-likelihood; ``rank`` the gold under teacher forcing; ``beam``, ``sample`` and
        ``one_shot`` the recovery probes. Beyond this ladder: ``letter`` the log-likelihood of the
        letters of lettered options; ``choices_only`` option log-likelihood after a prompt that
        lists the options and asks nothing; ``gold_absent``, ``gold_only`` and ``shuffled`` as
        ``candidates``, with the gold left out, shown alone, and in several orders; ``beam_curve``
        and ``sample_curve`` the recovery probes at several budgets; ``kl`` the divergence from
        the dense model.
    target
        ``gold``, or ``distractor`` for the control: the same outputs, ranks and picks are asked
        for the first distractor instead. What finds a wrong answer as often as the right one has
        found nothing. ``kl`` compares distributions and looks for no answer: its control is the
        dense model itself, at 0.
    prompt_hash
        First 16 hex digits of the SHA-256 of the prompt's token ids.
    correct
        Whether the target was found (``choice``: picked by the summed log-prob; ``beam``,
        ``sample`` and ``one_shot``: in at least one output; ``letter``: picked in the first order).
    exact, contains, character_f1
        Of a generated answer (of several, the first): whether it is the target and nothing else,
        whether the target occurs in it, and their character F1; `illusion_lib.items.judging`
        tells which measure decides what is correct.
    output
        The generated text (``beam``: the most likely one), or the option picked.
    outputs
        All beams, best first, or all samples in the order drawn.
    successes, tries
        How many of how many outputs hit the target; the input of the unbiased pass@k.
    agreement
        ``letter``, ``shuffled``: share of the orders in which the option named most often was named
        (Robinson et al., arXiv 2210.12353, call it the proportion of plurality agreement).
    budgets, budget_successes, budget_tries
        Of a curve, per budget (beam width, or temperature of the samples): its value, and how many
        of how many outputs hit the target.
    output_class
        ``ok``, or how the output degenerated.
    options, gold_index
        The options in the order shown and the place of the gold among them.
    log_prob_sum, log_prob_token, log_prob_character, log_prob_byte, log_prob_pmi
        Per option, in nats: the sum over its tokens (the primary score), that sum per token, per
        character and per UTF-8 byte, and minus the sum after a neutral prompt.
    slot
        Number of tokens the model itself wrote before the place where the gold is read; ``choice``
        and ``choices_only`` read the target right after the prompt, at 0.
    target_rank
        Rank (1 = top) of the target's first token at the slot; least over accepted forms.
    target_ranks
        Rank of each token of the target under teacher forcing at the slot.
    target_log_prob
        Log-probability of the whole target at the slot, in nats.
    target_margin
        Log-prob of the target's first token at the slot minus that of the top token, in nats; 0 is
        the top.
    kl_dense
        KL divergence of the next-token distribution at the open prompt's end from the dense
        model's, in nats; a lower bound, for all but the dense model's likeliest tokens are lumped.
    prompt_tokens, output_tokens
        Length of the prompt, and of all that was generated or scored.
    truncated_prompt
        Whether the prompt had to be shortened to fit the model.
    seconds
        Wall time of the batch divided by its rows.
    """

    item_id: str
    parallel_id: str
    language: str
    relation: str
    question: str
    gold: str
    probe: Probe
    target: Target = "gold"
    prompt_hash: str
    correct: bool | None = None
    exact: bool | None = None
    contains: bool | None = None
    character_f1: float | None = None
    output: str | None = None
    outputs: tuple[str, ...] | None = None
    successes: int | None = None
    tries: int | None = None
    agreement: float | None = None
    budgets: tuple[float, ...] | None = None
    budget_successes: tuple[int, ...] | None = None
    budget_tries: tuple[int, ...] | None = None
    output_class: OutputClass | None = None
    options: tuple[str, ...] | None = None
    gold_index: int | None = None
    log_prob_sum: tuple[float, ...] | None = None
    log_prob_token: tuple[float, ...] | None = None
    log_prob_character: tuple[float, ...] | None = None
    log_prob_byte: tuple[float, ...] | None = None
    log_prob_pmi: tuple[float, ...] | None = None
    slot: int | None = None
    target_rank: int | None = None
    target_ranks: tuple[int, ...] | None = None
    target_log_prob: float | None = None
    target_margin: float | None = None
    kl_dense: float | None = None
    prompt_tokens: int
    output_tokens: int
    truncated_prompt: bool = False
    seconds: float


_TEXTS = pa.list_(pa.string())
_FLOATS = pa.list_(pa.float64())
_ARROW: dict[str, pa.DataType] = {
    "correct": pa.bool_(),
    "exact": pa.bool_(),
    "contains": pa.bool_(),
    "character_f1": pa.float64(),
    "outputs": _TEXTS,
    "successes": pa.int32(),
    "tries": pa.int32(),
    "agreement": pa.float64(),
    "budgets": _FLOATS,
    "budget_successes": pa.list_(pa.int32()),
    "budget_tries": pa.list_(pa.int32()),
    "options": _TEXTS,
    "gold_index": pa.int32(),
    "log_prob_sum": _FLOATS,
    "log_prob_token": _FLOATS,
    "log_prob_character": _FLOATS,
    "log_prob_byte": _FLOATS,
    "log_prob_pmi": _FLOATS,
    "slot": pa.int32(),
    "target_rank": pa.int32(),
    "target_ranks": pa.list_(pa.int32()),
    "target_log_prob": pa.float64(),
    "target_margin": pa.float64(),
    "kl_dense": pa.float64(),
    "prompt_tokens": pa.int32(),
    "output_tokens": pa.int32(),
    "truncated_prompt": pa.bool_(),
    "seconds": pa.float64(),
}

SCHEMA = pa.schema([(field.name, _ARROW.get(field.name, pa.string())) for field in fields(Record)])


def to_table(records: Sequence[Record]) -> pa.Table:
    """Return the records as an Arrow table with the columns of `SCHEMA`."""
    return pa.Table.from_pylist([asdict(record) for record in records], schema=SCHEMA)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table of records as a data frame; integers stay integers when null."""
    frame: pd.DataFrame = table.to_pandas(
        types_mapper={pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}.get
    )
    return frame
