"""Encode a batch of prompts once and keep what every probe continues from."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache, PreTrainedModel

from illusion_lib.probes.tokens import common_prefix

_SHORTEST_HEAD = 4  # tokens; sharing less is not worth a forward pass of its own
# Tokens of one forward pass: on a processor (True) what larger batches compute no longer fits its
# caches, and is slower by a token.
_AT_ONCE = {True: 1 << 11, False: 1 << 15}


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
    net: PreTrainedModel,
    prompts: list[list[int]],
    cached: bool,
    positioned: bool,
    alike: Sequence[Hashable] | None = None,
) -> Prefix:
    """Return the encoded prompts; the tokens that prompts of one kind begin with are encoded once.

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
    alike
        Kind of each prompt: those of a kind begin alike. None takes all for one kind.
    """
    kinds = alike or [None] * len(prompts)
    heads = _shared_heads(net, prompts, kinds) if cached else dict.fromkeys(kinds, 0)
    tails = [ids[heads[kind] :] for ids, kind in zip(prompts, kinds, strict=True)]
    opening, places = None, {kind: place for place, kind in enumerate(heads)}
    if any(heads.values()):
        begun = [prompts[kinds.index(kind)][:head] for kind, head in heads.items()]
        opening = _extend(net, None, begun, cached, positioned)
    parts = []
    for rows in _portions([len(tail) for tail in tails], _AT_ONCE[net.device.type == "cpu"]):
        begin = opening and opening.select([places[kinds[i]] for i in rows])
        parts.append(_extend(net, begin, [tails[i] for i in rows], cached, positioned))
    return stack(parts)


def stack(parts: Sequence[Prefix]) -> Prefix:
    """Return the prompts of several batches as one batch, padded on the left."""
    if len(parts) == 1:
        return parts[0]
    missing = [max(p.visible.shape[1] for p in parts) - p.visible.shape[1] for p in parts]
    visible = torch.cat([pad(p.visible, (m, 0)) for p, m in zip(parts, missing, strict=True)])
    caches = [part.cache for part in parts if part.cache is not None]
    cache = DynamicCache() if caches else None
    if cache is not None:
        for number, layers in enumerate(zip(*(c.layers for c in caches), strict=True)):
            padded = [
                [pad(states, (0, 0, m, 0)) for states in (layer.keys, layer.values)]
                for layer, m in zip(layers, missing, strict=True)
            ]
            keys, values = (torch.cat(states) for states in zip(*padded, strict=True))
            cache.update(keys, values, number)
    tokens = [ids for part in parts for ids in part.tokens]
    return Prefix(tokens, cache, visible, torch.cat([part.hidden for part in parts]))


def _extend(
    net: PreTrainedModel,
    begun: Prefix | None,
    tails: Sequence[list[int]],
    cached: bool,
    positioned: bool,
) -> Prefix:
    """Return prompts encoded from where `begun` ends; the padding lies before each tail."""
    device = net.device
    width = max(map(len, tails))
    ids = torch.zeros(len(tails), width, dtype=torch.long)
    own = torch.zeros(len(tails), width, dtype=torch.bool)
    for row, tokens in enumerate(tails):
        if tokens:
            ids[row, -len(tokens) :] = torch.tensor(tokens)
            own[row, -len(tokens) :] = True
    visible = own.to(device) if begun is None else torch.cat([begun.visible, own.to(device)], -1)
    positions = (visible.cumsum(-1) - 1).clamp(min=0)[:, -width:]
    cache = begun.fork() if begun is not None else DynamicCache() if cached else None
    hidden = net.base_model(
        input_ids=ids.to(device),
        attention_mask=visible.long(),
        past_key_values=cache,
        use_cache=cached,
        **({"position_ids": positions} if positioned else {}),
    ).last_hidden_state[:, -1]
    before = [[]] * len(tails) if begun is None else begun.tokens
    return Prefix([b + t for b, t in zip(before, tails, strict=True)], cache, visible, hidden)


def _shared_heads(
    net: PreTrainedModel, prompts: list[list[int]], kinds: Sequence[Hashable]
) -> dict[Hashable, int]:
    """Return per kind how many tokens its prompts share; at least one stays in every tail."""
    groups: dict[Hashable, list[list[int]]] = {}
    for ids, kind in zip(prompts, kinds, strict=True):
        groups.setdefault(kind, []).append(ids)
    heads = {kind: _shared_head(group) for kind, group in groups.items()}
    # Sliding windows count slots, and padding takes slots: share nothing where one might end.
    window = getattr(net.config.get_text_config(), "sliding_window", None)
    if window is not None and 2 * max(map(len, prompts)) >= window:
        return dict.fromkeys(heads, 0)
    return heads


def _shared_head(prompts: list[list[int]]) -> int:
    head = min(common_prefix(prompts), min(map(len, prompts)) - 1)
    return head if len(prompts) > 1 and head >= _SHORTEST_HEAD else 0


def _portions(lengths: Sequence[int], tokens: int) -> Iterator[range]:
    """Yield runs of rows that hold at most so many tokens with their padding, or a single row."""
    first = 0
    while first < len(lengths):
        last, longest = first, 0
        while last < len(lengths):
            longest = max(longest, lengths[last])
            if last > first and longest * (last + 1 - first) > tokens:
                break
            last += 1
        yield range(first, last)
        first = last
