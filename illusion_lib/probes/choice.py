"""Recognition: which of the options is the likeliest continuation, under each normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Scores:
    """Log-probabilities of an item's options in nats, one value per option.

    Attributes
    ----------
    total
        Sum over the option's tokens: the primary score.
    token, character, byte
        `total` per token, per character and per UTF-8 byte of the option's text.
    pmi
        `total` minus the option's log-prob after a neutral prompt (PMI-DC, Holtzman et al.,
        arXiv 2104.08315); empty where no neutral score was given.
    """

    total: tuple[float, ...]
    token: tuple[float, ...]
    character: tuple[float, ...]
    byte: tuple[float, ...]
    pmi: tuple[float, ...]

    @property
    def picked(self) -> int:
        """Place of the option with the greatest sum; the first one on a tie."""
        return int(np.argmax(self.total))


def score_options(
    options: Sequence[str], log_probs: Sequence[Sequence[float]], neutral: Sequence[float] = ()
) -> Scores:
    """Return the options' scores from the log-probs of their tokens.

    Parameters
    ----------
    options
        The options' texts.
    log_probs
        Per option, the log-prob of each of its tokens, in nats.
    neutral
        Per option, its summed log-prob after the neutral prompt; may be empty.
    """
    total = [float(np.sum(tokens)) for tokens in log_probs]

    def per(lengths: Sequence[int]) -> tuple[float, ...]:
        return tuple(t / n for t, n in zip(total, lengths, strict=True))

    return Scores(
        total=tuple(total),
        token=per([len(tokens) for tokens in log_probs]),
        character=per([len(text) for text in options]),
        byte=per([len(text.encode()) for text in options]),
        pmi=tuple(t - n for t, n in zip(total, neutral, strict=True)) if neutral else (),
    )
