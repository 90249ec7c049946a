"""Continue encoded prompts with many branches at once, all branches of a prompt in one row.

Options, beams and samples of one prompt lie side by side in the sequence; a 4-D mask lets each
token see the prompt and its own ancestors only, and positions restart at every fork. So keys and
values of a prompt are hardly ever copied, and reordering beams costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.tree import Tree, groups_by_width

_SLOTS_PER_TOKEN = 64  # cache slots that are copied in the time of computing one token
_TOKENS_PER_CALL = 32  # tokens computed in the time that reading all weights once takes
_WORTHWHILE = 0.75  # share of the work that a new layout may at most leave


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
    trees = [Tree() for _ in prefix.tokens]
    paths = [trees[row].add(ids[:-1]) for row, ids in zip(rows, sequences, strict=True)]
    made: dict[int, Tensor] = {}  # hidden states of the nodes of each prompt's tree
    for group in groups_by_width([len(tree.tokens) for tree in trees], _TOKENS_PER_CALL):
        hidden = _grow(net, prefix.select(group), [trees[row] for row in group])
        made.update(zip(group, hidden, strict=True))
    first = prefix.hidden[torch.tensor(list(rows))]  # (sequences, width of the network)
    return [
        torch.cat([before[None], made[row][path]]) if path else before[None]
        for before, row, path in zip(first, rows, paths, strict=True)
    ]


def _grow(net: PreTrainedModel, prefix: Prefix, trees: Sequence[Tree]) -> Tensor:
    """Return the hidden states of each prompt's tree; (prompts, nodes, width)."""
    prompts, slots = prefix.visible.shape
    width = max(len(tree.tokens) for tree in trees)
    ids = torch.zeros(prompts, width, dtype=torch.long)
    positions = torch.zeros(prompts, width, dtype=torch.long)
    own = torch.zeros(prompts, width, width, dtype=torch.bool)
    for row, tree in enumerate(trees):
        nodes = len(tree.tokens)
        ids[row, :nodes] = torch.tensor(tree.tokens)
        positions[row, :nodes] = len(prefix.tokens[row]) + torch.tensor(tree.depths)
        own[row, :nodes, :nodes] = torch.from_numpy(tree.lineage())
    device = prefix.visible.device
    shared = prefix.visible[:, None].expand(prompts, width, slots)
    visible = torch.cat([shared, own.to(device)], -1)  # (prompts, width, slots + width)
    return _forward(net, ids.to(device), positions.to(device), visible, prefix.fork())


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
        self._prompts = len(prefix.tokens)  # rows of the cache
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
        self.rows, place = self.rows[parents], self._place[parents]
        seen, positions = self._visible[parents], self._positions[parents]
        slots = seen.shape[1]
        source, place, column = lay_out(place.cpu(), self._prompts, slots)
        if not torch.equal(source, torch.arange(self._prompts)):
            self._cache.batch_select_indices(source.to(seen.device))
        self._prompts, width = len(source), int(column.max()) + 1
        place, column = place.to(seen.device), column.to(seen.device)
        ids = tokens.new_zeros(self._prompts, width)
        at = tokens.new_zeros(self._prompts, width)
        visible = seen.new_zeros(self._prompts, width, slots + width)
        ids[place, column], at[place, column] = tokens, positions
        visible[place, column, :slots] = seen
        visible[place, column, slots + column] = True
        self.hidden = _forward(self._net, ids, at, visible, self._cache)[place, column]
        self._place, self._positions = place, positions + 1
        self._visible = visible[place, column]


def lay_out(place: Tensor, rows: int, slots: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return where in the cache branches are computed, so that little of it is padding.

    All rows are as wide as the fullest, so a few full rows among many empty ones waste the
    machine; a full row may be split into several copies of itself. Rows are moved only if that
    saves a quarter of the work.

    Parameters
    ----------
    place
        Cache row of each branch; (branches,).
    rows, slots
        Size of the cache.

    Returns
    -------
    source : Tensor
        Old row of each row of the new cache; (new rows,).
    place, column : Tensor
        New row and column of each branch; (branches,).
    """
    counts = torch.bincount(place, minlength=rows)  # (rows,)
    order = place.argsort(stable=True)
    column = torch.empty_like(place)
    column[order] = torch.arange(len(place)) - (counts.cumsum(0) - counts)[place[order]]
    widths = torch.arange(1, int(counts.max()) + 1)
    copies = (counts[None] + widths[:, None] - 1) // widths[:, None]  # (widths, rows)
    row_cost = slots / _SLOTS_PER_TOKEN  # of copying a row, in tokens computed
    costs = copies.sum(1) * (widths + row_cost)
    best = int(costs.argmin())
    if costs[best] > _WORTHWHILE * rows * (int(widths[-1]) + row_cost):
        return torch.arange(rows), place, column
    width = int(widths[best])
    first = copies[best].cumsum(0) - copies[best]
    source = torch.arange(rows).repeat_interleave(copies[best])
    return source, first[place] + column // width, column % width


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
