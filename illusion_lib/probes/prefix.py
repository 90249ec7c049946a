"""Encode a batch of prompts once and keep what every probe continues from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from illusion_lib.probes.tokens import common_prefix

_SHORTEST_HEAD = 4  # tokens; sharing less is not worth a forward pass of its own


@dataclass(frozen=True, slots=True)
class Prefix:
    """Encoded prompts.

    Attributes
    ----------
    tokens
        Token ids per prompt.
    cache
        Keys and values, (prompts, heads, slots, width) per layer; None where none are kept.
    visible
        Which slots hold a prompt's tokens; bool (prompts, slots).
    hidden
        Last hidden state of each prompt's last token; (prompts, width).
    """

    tokens: list[list[int]]
    cache: DynamicCache | None
    visible: Tensor
    hidden: Tensor

    @property
    def lengths(self) -> Tensor:
        """Number of tokens per prompt, on the CPU; also the position of the next one."""
        return torch.tensor([len(ids) for ids in self.tokens])

    def fork(self) -> DynamicCache:
        """Return a cache that may grow: layers append by copying, so the original stays."""
        assert self.cache is not None
        twin = copy.copy(self.cache)
        twin.layers = [copy.copy(layer) for layer in self.cache.layers]
        return twin

    def select(self, rows: Sequence[int]) -> Prefix:
        """Return some of the prompts, in the order given."""
        if list(rows) == list(range(len(self.tokens))):
            return self
        index = torch.tensor(list(rows), device=self.visible.device)
        cache = None
        if self.cache is not None:
            cache = self.fork()
            cache.batch_select_indices(index)
        tokens = [self.tokens[i] for i in rows]
        return Prefix(tokens, cache, self.visible[index], self.hidden[index])


def prefill(
    net: PreTrainedModel, prompts: list[list[int]], cached: bool, positioned: bool
) -> Prefix:
    """Return the encoded prompts; the tokens that all of them begin with are encoded once.

    Parameters
    ----------
    net
        The network.
    prompts
        Token ids per prompt, none empty.
    cached
        Whether keys and values are kept.
    positioned
        Whether the network takes ``position_ids``.
    """
    device = net.device
    head = _shared_head(net, prompts) if cached else 0
    longest = max(map(len, prompts))
    ids = torch.zeros(len(prompts), longest - head, dtype=torch.long)
    visible = torch.zeros(len(prompts), longest, dtype=torch.bool)
    visible[:, :head] = True
    for row, tokens in enumerate(prompts):  # the padding lies between shared head and own tail
        tail = torch.tensor(tokens[head:])
        ids[row, -len(tail) :] = tail
        visible[row, -len(tail) :] = True
    positions = (visible.cumsum(-1) - 1).clamp(min=0)[:, head:]
    arguments: dict[str, Any] = {"position_ids": positions.to(device)} if positioned else {}
    cache = DynamicCache() if cached else None
    if cache is not None and head:
        net.base_model(
            input_ids=torch.tensor([prompts[0][:head]], device=device),
            past_key_values=cache,
            use_cache=True,
        )
        cache.batch_repeat_interleave(len(prompts))
    visible = visible.to(device)
    hidden = net.base_model(
        input_ids=ids.to(device),
        attention_mask=visible.long(),
        past_key_values=cache,
        use_cache=cached,
        **arguments,
    ).last_hidden_state[:, -1]
    return Prefix(prompts, cache, visible, hidden)


def _shared_head(net: PreTrainedModel, prompts: list[list[int]]) -> int:
    """Return how many leading tokens to encode once: at least one token stays in every tail."""
    window = getattr(net.config.get_text_config(), "sliding_window", None)
    if len(prompts) == 1 or (window is not None and max(map(len, prompts)) >= window):
        return 0
    head = min(common_prefix(prompts), min(map(len, prompts)) - 1)
    return head if head >= _SHORTEST_HEAD else 0


Result = TypeVar("Result")


@dataclass(slots=True)
class Budget:
    """How many cache slots a batch may take; halved for good when memory runs out.

    Attributes
    ----------
    slots
        Tokens held at a time, over all rows of a batch.
    halvings
        How often memory ran out.
    """

    slots: int
    halvings: int = 0

    def run(
        self,
        costs: Sequence[int],
        work: Callable[[list[int]], list[Result]],
        finished: Callable[[int], None] = lambda count: None,
    ) -> list[Result]:
        """Return what `work` makes of every job, in the jobs' order.

        Parameters
        ----------
        costs
            Slots that each job needs. The costliest jobs run first, so that memory runs out at
            the beginning or not at all.
        work
            Takes the indices of a batch's jobs, returns their results.
        finished
            Told after each batch how many jobs it had.
        """
        waiting = sorted(range(len(costs)), key=lambda job: -costs[job])
        results: dict[int, Result] = {}
        while waiting:
            size = max(1, min(len(waiting), self.slots // max(1, costs[waiting[0]])))
            batch = waiting[:size]
            try:
                done = work(batch)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                self.slots, self.halvings = self.slots // 2, self.halvings + 1
                torch.cuda.empty_cache()
                continue
            results.update(zip(batch, done, strict=True))
            waiting = waiting[size:]
            finished(size)
        return [results[job] for job in range(len(costs))]
