"""Recognition by option text: which option the model would rather write after the prompt."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Literal

from illusion_lib.items.item import AnswerKind
from illusion_lib.probes import rows
from illusion_lib.probes.batch import Batch
from illusion_lib.probes.choice import score_options
from illusion_lib.probes.prompts import shuffled_options
from illusion_lib.probes.session import Session
from illusion_lib.records import Probe

Neutral = dict[tuple[str, AnswerKind, str], float]


def choose(batch: Batch, neutral: Neutral) -> None:
    """Score every item's options after its open prompt."""
    _score(batch, "choice", "open", neutral)


def choose_without_question(batch: Batch, neutral: Neutral) -> None:
    """Score every item's options after a prompt that lists them and asks nothing.

    What is picked right here is picked by the options' own sound: the baseline that multiple
    choice has to beat (Chandak et al., arXiv 2507.02856).
    """
    _score(batch, "choices_only", "choices_only", neutral)


def _score(
    batch: Batch,
    name: Literal["choice", "choices_only"],
    prompt: Probe,
    neutral: Neutral,
) -> None:
    started = time.perf_counter()
    session, asked = batch.session, batch.prompts(prompt)
    options = [shuffled_options(item, session.spec.seed) for item in batch.items]
    tails = session.score_after(
        [one.text for one in asked],
        [
            [session.spaced(item, text) for text in shown]
            for item, shown in zip(batch.items, options, strict=True)
        ],
        batch.part(prompt),
    )
    seconds = batch.seconds + (time.perf_counter() - started) / len(batch.items)
    for item, one, shown, scored in zip(batch.items, asked, options, tails, strict=True):
        alone = [neutral[item.language, item.kind, text] for text in shown]
        scores = score_options(shown, [one.log_probs for one in scored], alone)
        session.keep(item, name, rows.recognition(item, name, one, shown, scores, scored, seconds))
    session.tell(name, len(batch.items), len(session.items))


def score_neutral(session: Session) -> Neutral:
    """Return every option's log-prob after the prompt without a question, once per instruction."""
    neutral: Neutral = {}
    texts: dict[tuple[str, AnswerKind], dict[str, None]] = defaultdict(dict)
    for item in session.items:
        options = dict.fromkeys((item.answer, *item.distractors))
        texts[item.language, item.kind].update(options)
    for (language, kind), options in texts.items():
        text = session.prompts.neutral(language, kind)
        lead = session.prompts.lead(language)
        prefix = session.engine.prefill([session.ask(text).ids])
        (tails,) = session.score_after([text], [[lead + option for option in options]], prefix)
        for option, tail in zip(options, tails, strict=True):
            neutral[language, kind, option] = sum(tail.log_probs)
    return neutral
