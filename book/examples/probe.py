"""Denial: after an open question, does the model rather write the answer, or "not" before it."""

from __future__ import annotations

from statistics import fmean

from illusion_lib.probes.batch import Batch


def denial(batch: Batch) -> dict[str, float]:
    """Compare the answer with its denial, both continuing the open prompt.

    Parameters
    ----------
    batch
        Items asked together; their open prompts are encoded already and are not encoded again.

    Returns
    -------
    dict of str to float
        By item id: log-probability of the answer minus that of "not" and the answer, in nats per
        token. Above 0 the model would rather say it.
    """
    session = batch.session
    prompts = [group[0].text for group in batch.asked["open"]]
    endings = [
        [session.spaced(item, item.answer), session.spaced(item, f"not {item.answer}")]
        for item in batch.items
    ]
    scored = session.score_after(prompts, endings, batch.part("open"))
    return {
        item.id: fmean(said.log_probs) - fmean(denied.log_probs)
        for item, (said, denied) in zip(batch.items, scored, strict=True)
    }
