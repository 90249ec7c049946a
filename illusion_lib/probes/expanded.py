"""Continue encoded prompts with one row per branch, for networks that take no attention of ours.

Each branch owns a copy of its prompt's keys and values; without a cache each is recomputed from its
tokens, which is slow and always possible.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from illusion_lib.probes.prefix import Followed, Prefix


@dataclass(frozen=True, slots=True)
class Padded:
    """Keys and values of prompts that are padded on the left.

    Attributes
    ----------
    cache
        (prompts, heads, slots, width) per layer.
    visible
        Which slots hold a prompt's tokens; bool (prompts, slots).
    """

    cache: DynamicCache
    visible: Tensor

    def fork(self) -> DynamicCache:
        """Return a cache that may grow: layers append by copying, so the original stays."""
        twin = copy.copy(self.cache)
        twin.layers = [copy.copy(layer) for layer in self.cache.layers]
        return twin

    def select(self, rows: Sequence[int]) -> Padded:
        """Return some of the prompts, in the order given."""
        index = torch.tensor(list(rows), device=self.visible.device)
        cache = self.fork()
        cache.batch_select_indices(index)
        return Padded(cache, self.visible[index])


def prefill(
    net: PreTrainedModel, prompts: list[list[int]], cached: bool, positioned: bool
) -> Prefix:
    """Return the encoded prompts.

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
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(tokens)) + tokens for tokens in prompts])
    lengths = torch.tensor([len(tokens) for tokens in prompts])
    visible = torch.arange(width) >= width - lengths[:, None]
    positions = (visible.cumsum(-1) - 1).clamp(min=0) if positioned else None
    cache = DynamicCache() if cached else None
    visible = visible.to(net.device)
    hidden = _forward(net, ids, positions, visible, cache)[:, -1]
    return Prefix(prompts, None if cache is None else Padded(cache, visible), hidden)


def follow(
    net: PreTrainedModel,
    prefix: Prefix,
    rows: Sequence[int],
    sequences: Sequence[Sequence[int]],
    positioned: bool,
) -> Followed:
    """Return the hidden states that predict each token of each sequence, as `packed.follow`."""
    inputs = [list(ids[:-1]) for ids in sequences]
    begins = list(accumulate(map(len, inputs), initial=len(prefix.tokens)))
    read = [
        [row, *range(begin, begin + len(tokens))]
        for row, begin, tokens in zip(rows, begins[:-1], inputs, strict=True)
    ]
    if not any(inputs):
        return Followed(prefix.hidden, read)
    cached = isinstance(prefix.cache, Padded)
    made = (_continue if cached else _recompute)(net, prefix, rows, inputs, positioned)
    return Followed(torch.cat([prefix.hidden, *made]), read)


def _continue(
    net: PreTrainedModel,
    prefix: Prefix,
    rows: Sequence[int],
    inputs: Sequence[list[int]],
    positioned: bool,
) -> list[Tensor]:
    """Return the hidden states of each sequence's inputs, with copies of the prompts' caches."""
    assert isinstance(prefix.cache, Padded)
    width = max(map(len, inputs))
    expanded = prefix.cache.select(rows)
    lengths = prefix.lengths[list(rows)]
    # Padded on the right, where no token looks.
    ids = torch.tensor([[*tokens, *[0] * (width - len(tokens))] for tokens in inputs])
    own = torch.arange(width) < torch.tensor([[len(tokens)] for tokens in inputs])
    positions = lengths[:, None] + torch.arange(width) if positioned else None
    visible = torch.cat([expanded.visible, own.to(net.device)], -1)
    hidden = _forward(net, ids, positions, visible, expanded.fork())
    return [hidden[i, : len(tokens)] for i, tokens in enumerate(inputs)]


def _recompute(
    net: PreTrainedModel,
    prefix: Prefix,
    rows: Sequence[int],
    inputs: Sequence[list[int]],
    positioned: bool,
) -> list[Tensor]:
    """Return the hidden states of each sequence's inputs, with everything before them computed."""
    whole = [prefix.tokens[row] + ids for row, ids in zip(rows, inputs, strict=True)]
    width = max(map(len, whole))
    ids = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens in whole])
    real = torch.arange(width) < torch.tensor([[len(tokens)] for tokens in whole])
    positions = torch.arange(width).expand(len(whole), width) if positioned else None
    hidden = _forward(net, ids, positions, real.to(net.device), None)
    return [
        hidden[i, len(prefix.tokens[row]) : len(tokens)]
        for i, (row, tokens) in enumerate(zip(rows, whole, strict=True))
    ]


class ExpandedBranches:
    """Branches of encoded prompts that grow by one token at a time; as `packed.PackedBranches`."""

    def __init__(self, net: PreTrainedModel, prefix: Prefix, positioned: bool) -> None:
        self._net, self._positioned = net, positioned
        self._held = prefix.cache if isinstance(prefix.cache, Padded) else None
        self.rows = torch.arange(len(prefix.tokens), device=net.device)
        self.hidden = prefix.hidden
        self._tokens = prefix.tokens

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the branches: each new one is an old one and one more token."""
        self.rows = self.rows[parents]
        added = zip(parents.tolist(), tokens.tolist(), strict=True)
        self._tokens = [[*self._tokens[parent], token] for parent, token in added]
        if self._held is None:
            self.hidden = prefill(self._net, self._tokens, False, self._positioned).hidden
            return
        held = self._held.select(parents.tolist())
        visible = torch.cat([held.visible, held.visible.new_ones(len(parents), 1)], -1)
        last = torch.tensor([[len(ids) - 1] for ids in self._tokens])
        positions = last if self._positioned else None
        self.hidden = _forward(self._net, tokens[:, None], positions, visible, held.cache)[:, -1]
        self._held = Padded(held.cache, visible)


def _forward(
    net: PreTrainedModel,
    ids: Tensor,
    positions: Tensor | None,
    visible: Tensor,
    cache: DynamicCache | None,
) -> Tensor:
    """Return last hidden states (rows, tokens, width); `visible` is (rows, slots)."""
    given: dict[str, Any] = {}
    if positions is not None:
        given["position_ids"] = positions.to(net.device)
    hidden: Tensor = net.base_model(
        input_ids=ids.to(net.device),
        attention_mask=visible.long(),
        past_key_values=cache,
        use_cache=cache is not None,
        **given,
    ).last_hidden_state
    return hidden
