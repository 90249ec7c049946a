"""Continue encoded prompts with one row per branch, for networks that take no mask of ours.

Each branch owns a copy of its prompt's keys and values; without a cache (``cached=False``) each is
recomputed from its tokens, which is slow and always possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from illusion_lib.probes.prefix import Prefix, prefill


def follow(
    net: PreTrainedModel,
    prefix: Prefix,
    rows: Sequence[int],
    sequences: Sequence[Sequence[int]],
    positioned: bool,
) -> list[Tensor]:
    """Return the hidden states that predict each token of each sequence, as `packed.follow`."""
    first = prefix.hidden[torch.tensor(list(rows))]
    inputs = [list(ids[:-1]) for ids in sequences]
    width = max(map(len, inputs))
    if width == 0:
        return list(first[:, None])
    if prefix.cache is None:
        return _recompute(net, prefix, rows, inputs, positioned)
    expanded = prefix.select(rows)
    device = prefix.visible.device
    padded = torch.zeros(len(inputs), width, dtype=torch.long)
    real = torch.zeros(len(inputs), width, dtype=torch.bool)
    for row, tokens in enumerate(inputs):  # padded on the right, where no token looks
        padded[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        real[row, : len(tokens)] = True
    positions = expanded.lengths[:, None] + torch.arange(width)
    visible = torch.cat([expanded.visible, real.to(device)], -1)
    hidden = _forward(
        net,
        padded.to(device),
        positions.to(device) if positioned else None,
        visible,
        expanded.fork(),
    )
    return [torch.cat([first[i : i + 1], hidden[i, : len(t)]]) for i, t in enumerate(inputs)]


def _recompute(
    net: PreTrainedModel,
    prefix: Prefix,
    rows: Sequence[int],
    inputs: Sequence[list[int]],
    positioned: bool,
) -> list[Tensor]:
    whole = [prefix.tokens[row] + ids for row, ids in zip(rows, inputs, strict=True)]
    width = max(map(len, whole))
    ids = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens in whole])
    real = torch.tensor([[1] * len(tokens) + [0] * (width - len(tokens)) for tokens in whole])
    positions = torch.arange(width).expand(len(whole), width) if positioned else None
    device = prefix.visible.device
    hidden = _forward(
        net,
        ids.to(device),
        positions.to(device) if positions is not None else None,
        real.to(device),
        None,
    )
    return [
        hidden[i, len(prefix.tokens[row]) - 1 : len(tokens)]
        for i, (row, tokens) in enumerate(zip(rows, whole, strict=True))
    ]


class ExpandedBranches:
    """Branches of encoded prompts that grow by one token at a time; as `packed.PackedBranches`."""

    def __init__(self, net: PreTrainedModel, prefix: Prefix, positioned: bool) -> None:
        self._net, self._positioned = net, positioned
        self._cache = None if prefix.cache is None else prefix.fork()
        self.rows = torch.arange(len(prefix.tokens), device=prefix.visible.device)
        self.hidden = prefix.hidden
        self._tokens = prefix.tokens
        self._visible = prefix.visible

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the branches: each new one is an old one and one more token."""
        self.rows = self.rows[parents]
        added = zip(parents.tolist(), tokens.tolist(), strict=True)
        self._tokens = [[*self._tokens[parent], token] for parent, token in added]
        if self._cache is None:
            self.hidden = prefill(self._net, self._tokens, False, self._positioned).hidden
            return
        if not torch.equal(parents, torch.arange(len(self._visible), device=parents.device)):
            self._cache.batch_select_indices(parents)
        seen = self._visible[parents]
        self._visible = torch.cat([seen, seen.new_ones(len(seen), 1)], -1)
        last = torch.tensor([[len(ids) - 1] for ids in self._tokens], device=tokens.device)
        self.hidden = _forward(
            self._net,
            tokens[:, None],
            last if self._positioned else None,
            self._visible,
            self._cache,
        )[:, -1]


def _forward(
    net: PreTrainedModel,
    ids: Tensor,
    positions: Tensor | None,
    visible: Tensor,
    cache: DynamicCache | None,
) -> Tensor:
    arguments: dict[str, Any] = {} if positions is None else {"position_ids": positions}
    hidden: Tensor = net.base_model(
        input_ids=ids,
        attention_mask=visible.long(),
        past_key_values=cache,
        use_cache=cache is not None,
        **arguments,
    ).last_hidden_state
    return hidden
