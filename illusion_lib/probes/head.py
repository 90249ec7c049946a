"""What the vocabulary head says of a few hidden states: log-probs, ranks, best tokens.

The head is applied only to the rows that are read, a bounded number at a time, so peak memory
depends neither on the sequence length nor on how many rows are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor
from transformers import PreTrainedModel

from illusion_lib.errors import ModelError

# Pruning changes weights, not what a network does to its logits: one check per network.
_checked: WeakSet[PreTrainedModel] = WeakSet()
_CHUNK = 1 << 23  # logits held at a time: 32 MiB in float32
BLOCK = 8  # rows of them that are worked on at a time, so that a processor's caches hold them


class Scored(NamedTuple):
    """What the head says of the tokens of one sequence.

    Attributes
    ----------
    log_probs
        In nats.
    ranks
        1 plus the number of tokens with a greater logit: 1 is the top.
    margins
        Log-prob minus that of the top token, in nats.
    """

    log_probs: list[float]
    ranks: list[int]
    margins: list[float]

    def part(self, start: int, stop: int) -> Scored:
        """Return what is said of some of the tokens."""
        span = slice(start, stop)
        return Scored(self.log_probs[span], self.ranks[span], self.margins[span])


@dataclass(frozen=True, slots=True)
class Head:
    """The map from last hidden states to float32 logits, scaled and capped as the model does it."""

    linear: torch.nn.Module
    scale: float
    softcap: float | None

    @classmethod
    def of(cls, net: PreTrainedModel) -> Head:
        """Return the head of a network, after checking it against the network's own logits.

        Raises
        ------
        ModelError
            The network does something to its logits that this class does not know.
        """
        config = net.config.get_text_config()
        scale = float(getattr(config, "logit_scale", None) or 1.0)
        scale /= float(getattr(config, "logits_scaling", None) or 1.0)
        linear = net.get_output_embeddings()
        if linear is None:
            raise ModelError(f"{type(net).__name__} has no vocabulary head; give a causal model")
        head = cls(linear, scale, getattr(config, "final_logit_softcapping", None))
        if net not in _checked:
            head._check(net)
            _checked.add(net)
        return head

    def _check(self, net: PreTrainedModel) -> None:
        """Compare with the network's own logits."""
        ids = torch.tensor([[1, 2, 3]], device=net.device)
        with torch.inference_mode():
            ours = self(net.base_model(input_ids=ids).last_hidden_state[0])
            theirs = net(input_ids=ids).logits[0].float()
        if not torch.allclose(ours, theirs, rtol=1e-2, atol=1e-2, equal_nan=True):
            raise ModelError(
                f"{type(net).__name__} changes its logits in a way the probes do not know; "
                "please report the architecture"
            )

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return logits (n, vocabulary) in float32 of hidden states (n, width)."""
        weight = next(self.linear.parameters())
        logits: Tensor = self.linear(hidden.to(weight.device, weight.dtype)).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        if self.softcap is not None:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits

    def chunks(self, hidden: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield (rows, logits, log-normaliser) for a few rows of `hidden` at a time.

        Raises
        ------
        ModelError
            The network computes nonsense: a logit is not a number.
        """
        vocabulary = next(self.linear.parameters()).shape[0]
        step = max(1, _CHUNK // vocabulary)
        for start in range(0, len(hidden), step):
            rows = slice(start, start + step)
            logits = self(hidden[rows])  # (rows, vocabulary)
            parts = [part.logsumexp(-1, keepdim=True) for part in torch.split(logits, BLOCK)]
            norm = torch.cat(parts)  # (rows, 1)
            if norm.isnan().any():
                raise ModelError(
                    "the network's logits are not numbers (NaN); its weights are damaged, or the "
                    "pruning was too harsh for its dtype"
                )
            yield rows, logits, norm

    def score(self, hidden: Tensor, targets: Tensor, rows: Tensor | None = None) -> Scored:
        """Return what is said of target tokens.

        Parameters
        ----------
        hidden
            Hidden states; (n, width). Each goes through the head once, however often it is read.
        targets
            Token ids; (targets,).
        rows
            Which hidden state predicts each target; (targets,). None: each its own, in order.
        """
        rows = torch.arange(len(hidden)) if rows is None else rows
        log_probs, margins = torch.empty(2, len(targets)).unbind()
        ranks = torch.empty(len(targets), dtype=torch.long)
        for span, logits, norm in self.chunks(hidden):
            mine = ((rows >= span.start) & (rows < span.stop)).nonzero()[:, 0]
            at = (rows[mine] - span.start).to(logits.device)
            wanted = logits[at, targets[mine].to(logits.device)]  # (targets of the chunk,)
            log_probs[mine] = (wanted - norm[at, 0]).cpu()
            margins[mine] = (wanted - logits.amax(-1)[at]).cpu()
            ranks[mine] = count_ranks(logits, at, wanted).cpu()
        return Scored(log_probs.tolist(), ranks.tolist(), margins.tolist())


def count_ranks(logits: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    """Return 1 plus how many logits of its row are greater than each value; (values,).

    Parameters
    ----------
    logits
        (n, vocabulary).
    rows
        Row that each value is compared with; (values,).
    values
        (values,).
    """
    # Compared and summed as numbers in one reused buffer: sums of truth values are far slower.
    buffer = logits.new_empty(min(BLOCK, len(rows)), logits.shape[1])
    counts = [logits.new_zeros(0)]
    for some, least in zip(torch.split(rows, BLOCK), torch.split(values, BLOCK), strict=True):
        held = torch.index_select(logits, 0, some, out=buffer[: len(some)])
        counts.append(torch.gt(held, least[:, None], out=held).sum(-1))
    return 1 + torch.cat(counts).long()
