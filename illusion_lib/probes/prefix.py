"""What is kept of prompts that were encoded once: all that the probes continue from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor


class Cache(Protocol):
    """Keys and values of prompts, as one of the scoring paths keeps them."""

    def select(self, rows: Sequence[int]) -> Self:
        """Return some of the rows, in the order given."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Hidden states that predict the tokens of continuations, each kept once.

    Attributes
    ----------
    states
        (n, width).
    read
        Per continuation, which state predicts each of its tokens: options of one prompt all begin
        with the prompt's last.
    """

    states: Tensor
    read: list[list[int]]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Encoded prompts.

    Attributes
    ----------
    tokens
        Token ids per prompt.
    cache
        Their keys and values; None where none are kept.
    hidden
        Last hidden state of each prompt's last token; (prompts, width).
    """

    tokens: list[list[int]]
    cache: Cache | None
    hidden: Tensor

    @property
    def lengths(self) -> Tensor:
        """Number of tokens per prompt, on the CPU; also the position of the next one."""
        return torch.tensor([len(ids) for ids in self.tokens])

    def select(self, rows: Sequence[int]) -> Prefix:
        """Return some of the prompts, in the order given."""
        if list(rows) == list(range(len(self.tokens))):
            return self
        cache = None if self.cache is None else self.cache.select(rows)
        return Prefix([self.tokens[i] for i in rows], cache, self.hidden[list(rows)])
