"""Encode prompts, and continue them with many branches at once, all computed in one pass.

Options, beams and samples of one prompt lie side by side in its row of the store; a mask lets each
token see the prompt and its own ancestors only, and positions restart at every fork. So keys and
values of a prompt are hardly ever copied, and reordering beams costs nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedModel

from illusion_lib.probes.attend import run
from illusion_lib.probes.prefix import Followed, Prefix
from illusion_lib.probes.store import Store
from illusion_lib.probes.tokens import common_prefix
from illusion_lib.probes.tree import Tree

_SHORTEST_HEAD = 4  # tokens; sharing less is not worth a forward pass of its own
# Tokens of one forward pass: on a processor (True) what larger passes compute no longer fits its
# caches, and each token takes longer.
_AT_ONCE = {True: 1 << 10, False: 1 << 15}
_ROOM = 16  # slots; what continues a prompt seldom takes more
_WORTHWHILE = 0.75  # share of the rows that may at most be left for the others to be given up


def prefill(
    net: PreTrainedModel, prompts: list[list[int]], alike: Sequence[Hashable] | None = None
) -> Prefix:
    """Return the encoded prompts; the tokens that prompts of one kind begin with are encoded once.

    Parameters
    ----------
    net
        The network.
    prompts
        Token ids per prompt, none empty.
    alike
        Kind of each prompt: those of a kind begin alike. None takes all for one kind.
    """
    kinds = list(alike or [None] * len(prompts))
    heads = _shared_heads(prompts, kinds)
    store = Store(len(prompts), max(map(len, prompts)) + _ROOM)
    if any(heads.values()):
        begun = [prompts[kinds.index(kind)][:head] for kind, head in heads.items()]
        opening = Store(len(begun), max(heads.values()))
        _grow(net, opening, [0] * len(begun), [_chain(ids) for ids in begun])
        places = {kind: place for place, kind in enumerate(heads)}
        store.copy_from(opening, torch.tensor([places[kind] for kind in kinds], device=net.device))
    lengths = [heads[kind] for kind in kinds]
    tails = [_chain(ids[head:]) for ids, head in zip(prompts, lengths, strict=True)]
    hidden = _grow(net, store, lengths, tails)
    return Prefix(prompts, store, torch.stack([states[-1] for states in hidden]))


def follow(
    net: PreTrainedModel, prefix: Prefix, rows: Sequence[int], sequences: Sequence[Sequence[int]]
) -> Followed:
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
    """
    trees = [Tree() for _ in prefix.tokens]
    paths = [trees[row].add(ids[:-1]) for row, ids in zip(rows, sequences, strict=True)]
    assert isinstance(prefix.cache, Store)
    prefix.cache.lend(paths)
    made = _grow(net, prefix.cache, [len(ids) for ids in prefix.tokens], trees)
    begins = list(accumulate(map(len, made), initial=len(prefix.tokens)))
    states = torch.cat([prefix.hidden, *(part for part in made if len(part))])
    read = [[row, *(begins[row] + n for n in path)] for row, path in zip(rows, paths, strict=True)]
    return Followed(states, read)


def _chain(ids: Sequence[int]) -> Tree:
    tree = Tree()
    tree.add(ids)
    return tree


def _grow(
    net: PreTrainedModel, store: Store, lengths: Sequence[int], trees: Sequence[Tree]
) -> list[Tensor]:
    """Return the hidden states of each row's tree, which begins after so many tokens."""
    sizes = [len(tree.tokens) for tree in trees]
    store.make_room(max(map(sum, zip(lengths, sizes, strict=True))))
    hidden: list[Tensor] = []
    for part in _portions(sizes, _AT_ONCE[net.device.type == "cpu"]):
        some = sizes[part.start : part.stop]
        states = _grow_part(net, store, lengths, trees, part) if any(some) else torch.empty(0)
        hidden += torch.split(states, some)
    return hidden


def _grow_part(
    net: PreTrainedModel, store: Store, lengths: Sequence[int], trees: Sequence[Tree], part: range
) -> Tensor:
    """Return the hidden states of some trees' nodes, one tree after the other; (nodes, width)."""
    trees = [trees[row] for row in part]
    sizes = torch.tensor([len(tree.tokens) for tree in trees])
    begin = torch.tensor([lengths[row] for row in part])
    slots = int((begin + sizes).max())
    visible = (torch.arange(slots) < begin[:, None])[:, None].repeat(1, int(sizes.max()), 1)
    for row, (tree, own) in enumerate(zip(trees, begin.tolist(), strict=True)):
        size = len(tree.tokens)
        visible[row, :size, own : own + size] = torch.from_numpy(tree.lineage())
    rows = torch.arange(len(trees)).repeat_interleave(sizes)  # (nodes,)
    columns = torch.arange(len(rows)) - (sizes.cumsum(0) - sizes)[rows]
    ids = torch.tensor([token for tree in trees for token in tree.tokens])
    depths = torch.tensor([depth for tree in trees for depth in tree.depths])
    where = rows, columns, begin[rows] + columns
    return run(net, ids, begin[rows] + depths, store, where, visible, part.start)


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
        assert isinstance(prefix.cache, Store)
        self._net, self._store = net, prefix.cache.select(range(len(prefix.tokens)))
        self._store.lend(self)
        self.rows = torch.arange(len(prefix.tokens), device=net.device)
        self.hidden = prefix.hidden
        self._place = self.rows.cpu()  # row of the store in which each branch lies
        self._positions = prefix.lengths  # of each branch's next token
        self._visible = torch.arange(self._store.slots) < prefix.lengths[:, None]

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the branches: each new one is an old one and one more token.

        Parameters
        ----------
        parents
            Old branch of each new one; (branches,). An old one that is nobody's parent ends.
        tokens
            The token added to it; (branches,).

        Raises
        ------
        RuntimeError
            The prompts were continued by somebody else meanwhile, in the same room.
        """
        if not self._store.is_lent_to(self):
            raise RuntimeError(
                "the prompts were continued elsewhere; only the latest branches grow"
            )
        self.rows = self.rows[parents]
        parents = parents.cpu()
        place = self._leave_ended(self._place[parents])
        seen, positions = self._visible[parents], self._positions[parents]
        held = torch.zeros(self._store.rows, seen.shape[1], dtype=torch.int32)
        held.index_add_(0, place, seen.int())  # by how many branches a slot is seen
        column = _count_before(place, self._store.rows)
        width = int(column.max()) + 1
        self._store.make_room(int((held > 0).sum(1).max()) + width)
        missing = self._store.slots - seen.shape[1]
        held, seen = pad(held, (0, missing)), pad(seen, (0, missing))
        # What no branch sees any more is written over: the slots nobody holds come first.
        slot = (held > 0).byte().argsort(dim=1, stable=True)[place, column]
        branch = torch.arange(len(place))
        seen[branch, slot] = True
        slots = int(seen.any(0).nonzero().max()) + 1
        visible = torch.zeros(self._store.rows, width, slots, dtype=torch.bool)
        visible[place, column] = seen[:, :slots]
        where = place, column, slot
        self.hidden = run(self._net, tokens, positions, self._store, where, visible)
        self._place, self._positions, self._visible = place, positions + 1, seen

    def _leave_ended(self, place: Tensor) -> Tensor:
        """Give up rows without branches if they are many; return the branches' new rows."""
        used = sorted(set(place.tolist()))
        if len(used) > _WORTHWHILE * self._store.rows:
            return place
        self._store = self._store.select(used)
        self._store.lend(self)
        return torch.searchsorted(torch.tensor(used), place)


def _count_before(place: Tensor, rows: int) -> Tensor:
    """Return of each branch how many earlier ones lie in its row."""
    counts = torch.bincount(place, minlength=rows)
    order = place.argsort(stable=True)
    column = torch.empty_like(place)
    column[order] = torch.arange(len(place)) - (counts.cumsum(0) - counts)[place[order]]
    return column


def _shared_heads(prompts: list[list[int]], kinds: Sequence[Hashable]) -> dict[Hashable, int]:
    """Return per kind how many tokens its prompts share; at least one stays in every tail."""
    groups: dict[Hashable, list[list[int]]] = {}
    for ids, kind in zip(prompts, kinds, strict=True):
        groups.setdefault(kind, []).append(ids)
    return {kind: _shared_head(group) for kind, group in groups.items()}


def _shared_head(prompts: list[list[int]]) -> int:
    head = min(common_prefix(prompts), min(map(len, prompts)) - 1)
    return head if len(prompts) > 1 and head >= _SHORTEST_HEAD else 0


def _portions(sizes: Sequence[int], tokens: int) -> Iterator[range]:
    """Yield runs of rows that compute at most so many tokens together, or a single row."""
    first = total = 0
    for row, size in enumerate(sizes):
        if row > first and total + size > tokens:
            yield range(first, row)
            first, total = row, 0
        total += size
    yield range(first, len(sizes))
