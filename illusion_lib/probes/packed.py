"""Continue encoded prompts with many branches at once, all branches of a prompt in one row.

Options, beams and samples of one prompt lie side by side in the sequence; a 4-D mask lets each
token see the prompt and its own ancestors only, and positions restart at every fork. So the prompt's
keys and values are never copied, and reordering beams costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from illusion_lib.probes.prefix import Prefix

_SHRINK = 0.75  # rows without branches leave the cache once fewer than this share are in use


def follow(
    net: PreTrainedModel, prefix: Prefix, rows: Sequence[int], sequences: Sequence[Sequence[int]]
) -> list[Tensor]:
    """Return the hidden states that predict each token of each sequence.

    Parameters
    ----------
    net
        The network.
    prefix
        The encoded prompts.
    rows
        Which prompt each sequence continues.
    sequences
        Token ids, none empty; the last token is predicted but never an input.

    Returns
    -------
    list of Tensor
        Per sequence, (its length, width).
    """
    inputs = [list(ids[:-1]) for ids in sequences]
    ends = [0] * len(prefix.tokens)
    starts = []
    for row, ids in zip(rows, inputs, strict=True):
        starts.append(ends[row])
        ends[row] += len(ids)
    prompts, slots, width = len(prefix.tokens), prefix.visible.shape[1], max(ends)
    first = prefix.hidden[torch.tensor(list(rows))]  # (sequences, width of the network)
    if width == 0:
        return list(first[:, None])
    device = prefix.visible.device
    ids = torch.zeros(prompts, width, dtype=torch.long)
    positions = torch.zeros(prompts, width, dtype=torch.long)
    own = torch.zeros(prompts, width, width, dtype=torch.bool)
    for row, start, tokens in zip(rows, starts, inputs, strict=True):
        span = slice(start, start + len(tokens))
        ids[row, span] = torch.tensor(tokens, dtype=torch.long)
        positions[row, span] = len(prefix.tokens[row]) + torch.arange(len(tokens))
        own[row, span, span] = torch.ones(len(tokens), len(tokens), dtype=torch.bool).tril()
    shared = prefix.visible[:, None].expand(prompts, width, slots)
    visible = torch.cat([shared, own.to(device)], -1)  # (prompts, width, slots + width)
    hidden = _forward(net, ids.to(device), positions.to(device), visible, prefix.fork())
    return [
        torch.cat([first[i : i + 1], hidden[row, start : start + len(tokens)]])
        for i, (row, start, tokens) in enumerate(zip(rows, starts, inputs, strict=True))
    ]


class PackedBranches:
    """Branches of encoded prompts that grow by one token at a time.

    Attributes
    ----------
    rows
        Which prompt each branch continues; (branches,).
    hidden
        Last hidden state of each branch; (branches, width).
    """

    def __init__(self, net: PreTrainedModel, prefix: Prefix) -> None:
        self._net = net
        self._cache: DynamicCache = prefix.fork()
        device = prefix.visible.device
        self.rows = torch.arange(len(prefix.tokens), device=device)
        self.hidden = prefix.hidden
        self._place = self.rows  # row of the cache in which each branch lies
        self._visible = prefix.visible  # (branches, slots)
        self._positions = prefix.lengths.to(device)  # of each branch's next token

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the branches: each new one is an old one and one more token.

        Parameters
        ----------
        parents
            Old branch of each new one; (branches,). An old one that is nobody's parent ends.
        tokens
            The token added to it; (branches,).
        """
        self.rows, place = self.rows[parents], self._drop_rows(self._place[parents])
        seen, positions = self._visible[parents], self._positions[parents]
        column, width = _columns(place)
        prompts, slots = int(place.max()) + 1, seen.shape[1]
        ids = tokens.new_zeros(prompts, width)
        at = tokens.new_zeros(prompts, width)
        visible = seen.new_zeros(prompts, width, slots + width)
        ids[place, column], at[place, column] = tokens, positions
        visible[place, column, :slots] = seen
        visible[place, column, slots + column] = True
        self.hidden = _forward(self._net, ids, at, visible, self._cache)[place, column]
        self._place, self._positions = place, positions + 1
        self._visible = visible[place, column]

    def _drop_rows(self, place: Tensor) -> Tensor:
        """Return the branches' rows after those without any have left the cache."""
        used, renumbered = place.unique(return_inverse=True)
        last = int(used[-1]) + 1
        if len(used) == last == int(self._place.max()) + 1:
            return place
        if len(used) < _SHRINK * (int(self._place.max()) + 1):
            self._cache.batch_select_indices(used)
            return renumbered
        return place


def _columns(place: Tensor) -> tuple[Tensor, int]:
    """Return each branch's column in its row, and how many columns the fullest row has."""
    order = place.argsort(stable=True)
    counts = torch.bincount(place)
    firsts = (counts.cumsum(0) - counts)[place[order]]
    column = torch.empty_like(place)
    column[order] = torch.arange(len(place), device=place.device) - firsts
    return column, int(counts.max())


def _forward(
    net: PreTrainedModel, ids: Tensor, positions: Tensor, visible: Tensor, cache: DynamicCache
) -> Tensor:
    """Return last hidden states (prompts, tokens, width); `visible` is (prompts, tokens, slots)."""
    hidden_value = torch.finfo(net.dtype).min
    mask = torch.zeros(visible.shape, dtype=net.dtype, device=visible.device)
    mask.masked_fill_(~visible, hidden_value)
    hidden: Tensor = net.base_model(
        input_ids=ids,
        position_ids=positions,
        attention_mask=mask[:, None],  # (prompts, 1, tokens, slots)
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return hidden
