"""Run a network on the tokens of many prompts at once, none of them padding.

All tokens lie in one row, so the products compute nothing in vain; only attention sees which prompt
a token belongs to. It finds the prompt's keys and values in a `Store` and obeys a mask, so options,
beams and samples of one prompt grow side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    spans
        Columns that are computed together (from, to), and how many slots they may see at most.
    """

    store: Store
    first: int
    rows: Tensor
    columns: Tensor
    slots: Tensor
    mask: Tensor
    spans: tuple[tuple[int, int, int], ...]

    def on(self, device: torch.device) -> Where:
        """Return this on the device of a layer, if the network is spread over several."""
        if self.mask.device == device:
            return self
        rows, columns, slots = (i.to(device) for i in (self.rows, self.columns, self.slots))
        mask = self.mask.to(device)
        return Where(self.store, self.first, rows, columns, slots, mask, self.spans)


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
    rows, columns, slots = (index.to(net.device) for index in where)
    mask = torch.zeros(visible.shape, dtype=net.dtype, device=net.device)
    mask.masked_fill_(~visible.to(net.device), torch.finfo(net.dtype).min)
    spans = find_spans(visible, _AT_ONCE[net.device.type == "cpu"])
    usual = config._attn_implementation
    config._attn_implementation = _NAME
    try:
        hidden: Tensor = net.base_model(
            input_ids=ids[None].to(net.device),
            position_ids=positions[None].to(net.device),
            use_cache=False,
            where=Where(store, first, rows, columns, slots, mask[:, None], spans),
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
    asked = query.new_zeros(rows, columns, query.shape[1], query.shape[3])
    asked[where.rows, where.columns] = query[0].transpose(0, 1)
    asked = asked.transpose(1, 2)  # (rows, heads, columns, width)
    computed = slice(where.first, where.first + rows)
    # On a processor the kernel reads grouped heads where they are; on others it takes a slow way.
    grouped = softcap is None and query.device.type == "cpu"
    answered = [
        weigh(
            asked[:, :, start:stop],
            keys[computed, :seen].transpose(1, 2),  # (rows, key heads, slots, width)
            values[computed, :seen].transpose(1, 2),
            where.mask[:, :, start:stop, :seen],
            scaling,
            softcap,
            grouped,
        )
        for start, stop, seen in where.spans
    ]
    joined = answered[0] if len(answered) == 1 else torch.cat(answered, 2)
    return joined.transpose(1, 2)[where.rows, where.columns][None], None


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
