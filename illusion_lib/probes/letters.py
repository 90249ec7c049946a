"""Recognition by letter: which of the lettered options' letters the model would rather write.

A model must bind letters to options for this (Robinson et al., arXiv 2210.12353), and may prefer
a letter as such; so the options are asked in several orders, in each of which every option has
another letter.
"""

from __future__ import annotations

import time

from illusion_lib.probes import rows
from illusion_lib.probes.batch import Batch
from illusion_lib.probes.choice import score_options
from illusion_lib.probes.prompts import LETTERS, option_orders


def pick_letters(batch: Batch) -> None:
    """Score the letters after every item's lettered prompts."""
    started = time.perf_counter()
    session, spec = batch.session, batch.session.spec
    asked = [prompt for group in batch.asked["letter"] for prompt in group]
    owners = [
        item for item, group in zip(batch.items, batch.asked["letter"], strict=True) for _ in group
    ]
    letters = [LETTERS[: 1 + len(item.distractors)] for item in owners]
    tails = session.score_after(
        [prompt.text for prompt in asked],
        [
            [session.spaced(item, letter) for letter in shown]
            for item, shown in zip(owners, letters, strict=True)
        ],
        batch.part("letter"),
    )
    seconds = batch.seconds + (time.perf_counter() - started) / len(asked)
    log_probs = [[one.log_probs for one in tail] for tail in tails]
    scored = iter(zip(letters, log_probs, strict=True))
    for item, prompts in zip(batch.items, batch.asked["letter"], strict=True):
        orders = option_orders(item, spec.orders, spec.seed)
        scores = [score_options(*next(scored)) for _ in prompts]
        found = rows.lettered(item, prompts, orders, scores, seconds * len(prompts))
        session.keep(item, "letter", found)
    session.tell("letter", len(batch.items), len(session.items))
