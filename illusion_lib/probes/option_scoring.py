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
    asked = dict.fromkeys(
        (item.language, item.kind, option)
        for item in session.items
        for option in (item.answer, *item.distractors)
    )
    jobs = list(asked)
    prompts = {job[:2]: session.ask(session.prompts.neutral(*job[:2])) for job in jobs}

    def work(batch: list[int]) -> list[float]:
        groups: dict[tuple[str, AnswerKind], list[str]] = defaultdict(list)
        for language, kind, option in (jobs[job] for job in batch):
            groups[language, kind].append(option)
        shown = [prompts[group] for group in groups]
        tails = [
            [session.prompts.lead(language) + option for option in options]
            for (language, _), options in groups.items()
        ]
        prefix = session.engine.prefill([prompt.ids for prompt in shown])
        scored = session.score_after([prompt.text for prompt in shown], tails, prefix)
        found = {
            (*group, option): sum(one.log_probs)
            for (group, options), said in zip(groups.items(), scored, strict=True)
            for option, one in zip(options, said, strict=True)
        }
        return [found[jobs[job]] for job in batch]

    # No tokenizer makes more tokens of a text than it has bytes.
    costs = [len(prompts[job[:2]].ids) + len(job[2].encode()) for job in jobs]
    return dict(zip(jobs, session.engine.budget.run(costs, work), strict=True))
