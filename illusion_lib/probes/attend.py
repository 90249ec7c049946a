"""Run a network on the tokens of many prompts at once, none of them padding.

All tokens lie in one row, so the products compute nothing in vain; only attention sees which prompt
a token belongs to. It finds the prompt's keys and values in a `Store` and obeys a mask, so options,
beams and samples of one prompt grow side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from illusion_lib.errors import ModelError
from illusion_lib.probes.store import Store

_NAME = "illusion_store"  # of this attention, as transformers knows it
_BLOCK = 32  # queries that torch's kernel on a processor computes together
# Columns that are computed together. In a long prompt the first ones see little of it: on a
# processor (True) it pays to leave out what a few of them cannot see, elsewhere kernels are best
# started seldom.
_AT_ONCE = {True: 64, False: 1 << 15}


class Block(NamedTuple):
    """Queries that are computed together.

    Attributes
    ----------
    rows
        Which rows' keys they read.
    queries
        Which they are: columns of all rows, or tokens of a single one.
    columns
        The same as columns of the mask.
    seen
        How many slots they may see at most.
    """

    rows: slice
    queries: slice
    columns: slice
    seen: int


@dataclass(frozen=True, slots=True)
class Where:
    """Where tokens are written, and what they may see.

    Attributes
    ----------
    store
        Keys and values of the prompts.
    first
        First row of the store that is computed.
    rows, columns, slots
        Of each token its row, counted from the first, its place among the row's new tokens, and
        the slot that it is written to; (tokens,).
    mask
        What is added to the attention scores: 0, or so little that nothing is seen; (rows, 1,
        columns, slots).
    blocks
        What is computed together, in the order of the queries.
    by_row
        Whether a block's queries are tokens of one row, else columns of all rows.
    """

    store: Store
    first: int
    rows: Tensor
    columns: Tensor
    slots: Tensor
    mask: Tensor
    blocks: tuple[Block, ...]
    by_row: bool

    def on(self, device: torch.device) -> Where:
        """Return this on the device of a layer, if the network is spread over several."""
        if self.mask.device == device:
            return self
        rows, columns, slots = (i.to(device) for i in (self.rows, self.columns, self.slots))
        mask = self.mask.to(device)
        return replace(self, rows=rows, columns=columns, slots=slots, mask=mask)


def run(
    net: PreTrainedModel,
    ids: Tensor,
    positions: Tensor,
    store: Store,
    where: tuple[Tensor, Tensor, Tensor],
    visible: Tensor,
    first: int = 0,
) -> Tensor:
    """Return the last hidden states of some tokens; (tokens, width).

    Parameters
    ----------
    net
        The network.
    ids, positions
        Of each token; (tokens,).
    store
        What the tokens see, and where their own keys and values are written.
    where
        Rows, columns and slots of the tokens, as in `Where`.
    visible
        Which slots a token may see, its own included; bool (rows, columns, slots).
    first
        First row of the store that is computed.

    Raises
    ------
    ModelError
        A token lies beyond the network's sliding window: it would see more than it should.
    """
    config = net.config.get_text_config()
    window, longest = getattr(config, "sliding_window", None), int(positions.max()) + 1
    if window is not None and longest > window:
        raise ModelError(
            f"a prompt with its answer takes {longest} tokens, and the network's sliding window "
            f"holds {window}; lower max_new_tokens, or shorten the options"
        )
    at_once = _AT_ONCE[net.device.type == "cpu"]
    # Rows of many tokens each are computed alone, where they lie; short ones are laid out together.
    by_row = visible.shape[1] > at_once and bool((where[0].diff() >= 0).all())
    blocks = _row_blocks(where[0], visible, at_once) if by_row else _blocks(visible, at_once)
    rows, columns, slots = (index.to(net.device) for index in where)
    mask = torch.zeros(visible.shape, dtype=net.dtype, device=net.device)
    mask.masked_fill_(~visible.to(net.device), torch.finfo(net.dtype).min)
    usual = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        hidden: Tensor = net.base_model(
            input_ids=ids[None].to(net.device),
            position_ids=positions[None].to(net.device),
            use_cache=False,
            where=Where(store, first, rows, columns, slots, mask[:, None], blocks, by_row),
        ).last_hidden_state
    finally:
        config._attn_implementation = usual
    return hidden[0]


def find_spans(visible: Tensor, columns: int) -> tuple[tuple[int, int, int], ...]:
    """Return spans of so many columns, each with the number of slots that hold all it may see.

    Parameters
    ----------
    visible
        bool (rows, columns, slots).

    Examples
    --------
    >>> find_spans(torch.ones(1, 4, 6, dtype=torch.bool).tril(1), columns=3)
    ((0, 3, 4), (3, 4, 5))
    """
    seen = visible.any(0)  # (columns, slots)
    starts = range(0, len(seen), columns)
    some = [seen[start : start + columns].any(0).nonzero() for start in starts]
    return tuple(
        (start, min(start + columns, len(seen)), int(slots.max()) + 1)
        for start, slots in zip(starts, some, strict=True)
    )


def _blocks(visible: Tensor, columns: int) -> tuple[Block, ...]:
    """Return blocks of at most so many columns of all rows."""
    return tuple(
        Block(slice(None), slice(start, stop), slice(start, stop), seen)
        for start, stop, seen in find_spans(visible, columns)
    )


def _row_blocks(rows: Tensor, visible: Tensor, columns: int) -> tuple[Block, ...]:
    """Return blocks of at most so many tokens of one row; the tokens lie row by row."""
    blocks: list[Block] = []
    begin = 0
    for row, size in enumerate(rows.bincount(minlength=len(visible)).tolist()):
        blocks += [
            Block(slice(row, row + 1), slice(begin + a, begin + b), slice(a, b), seen)
            for a, b, seen in find_spans(visible[row : row + 1, :size], columns)
        ]
        begin += size
    return tuple(blocks)


def _attend(
    module: torch.nn.Module,
    query: Tensor,  # (1, heads, tokens, width)
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    where: Where,
    scaling: float | None = None,
    softcap: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Return what each token attends to; (1, tokens, heads, width)."""
    where = where.on(query.device)
    keys, values = where.store.write(
        int(module.layer_idx),  # type: ignore[arg-type]  # torch types attributes as modules
        where.first + where.rows,
        where.slots,
        key[0].transpose(0, 1),
        value[0].transpose(0, 1),
    )
    rows, _, columns, _ = where.mask.shape
    asked = query
    if not where.by_row:
        asked = query.new_zeros(rows, columns, query.shape[1], query.shape[3])
        asked[where.rows, where.columns] = query[0].transpose(0, 1)
        asked = asked.transpose(1, 2)  # (rows, heads, columns, width)
    keys, values = (held[where.first : where.first + rows] for held in (keys, values))
    # On a processor the kernel reads grouped heads where they are; on others it takes a slow way.
    grouped = softcap is None and query.device.type == "cpu"
    answered = [
        weigh(
            asked[:, :, block.queries],
            keys[block.rows, : block.seen].transpose(1, 2),  # (rows, key heads, slots, width)
            values[block.rows, : block.seen].transpose(1, 2),
            where.mask[block.rows, :, block.columns, : block.seen],
            scaling,
            softcap,
            grouped,
        ).transpose(1, 2)
        for block in where.blocks
    ]
    joined = answered[0] if len(answered) == 1 else torch.cat(answered, 1)
    return joined if where.by_row else joined[where.rows, where.columns][None], None


def weigh(
    asked: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor,
    scaling: float | None = None,
    softcap: float | None = None,
    grouped: bool = True,
) -> Tensor:
    """Return the values, weighed by how well their keys answer; (rows, heads, columns, width).

    Parameters
    ----------
    asked
        (rows, heads, columns, width).
    keys, values
        (rows, key heads, slots, width); each serves as many heads in a row as there are more.
    mask
        Added to the scores; (rows, 1, columns, slots).
    scaling
        Factor of the scores; None takes width ** -0.5.
    softcap
        Scores are bent so that none is greater (Gemma 2, arXiv 2408.00118, section 2).
    grouped
        Whether torch's kernel is told of the groups; else keys and values are copied for each head.
    """
    group = asked.shape[1] // keys.shape[1]
    columns = asked.shape[2]
    if grouped and softcap is None:
        if group == 1 or group * columns > _BLOCK:
            return scaled_dot_product_attention(
                asked, keys, values, mask, scale=scaling, enable_gqa=True
            )
        # A few columns: those of all heads that read the same keys are computed as one block.
        rows, _, _, width = asked.shape
        together = asked.reshape(rows, -1, group * columns, width)
        mask = mask.repeat(1, 1, group, 1)
        answered = scaled_dot_product_attention(together, keys, values, mask, scale=scaling)
        return answered.reshape(asked.shape)
    keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
    if softcap is None:
        return scaled_dot_product_attention(asked, keys, values, mask, scale=scaling)
    scores = asked @ keys.transpose(2, 3) * (scaling or asked.shape[-1] ** -0.5)
    scores = torch.tanh(scores / softcap) * softcap + mask
    return scores.softmax(-1, dtype=torch.float32).to(values.dtype) @ values


AttentionInterface.register(_NAME, _attend)
