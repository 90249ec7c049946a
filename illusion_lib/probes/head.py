"""What the vocabulary head says of a few hidden states: log-probs, ranks, best tokens.

The head is applied only to the rows that are read, a bounded number at a time, so peak memory
depends neither on the sequence length nor on how many rows are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel

from illusion_lib.errors import ModelError

_CHUNK = 1 << 23  # logits held at a time: 32 MiB in float32


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
        ids = torch.tensor([[1, 2, 3]], device=net.device)
        with torch.inference_mode():
            ours = head(net.base_model(input_ids=ids).last_hidden_state[0])
            theirs = net(input_ids=ids).logits[0].float()
        if not torch.allclose(ours, theirs, rtol=1e-2, atol=1e-2, equal_nan=True):
            raise ModelError(
                f"{type(net).__name__} changes its logits in a way the probes do not know; "
                "please report the architecture"
            )
        return head

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
            norm = logits.logsumexp(-1, keepdim=True)  # (rows, 1)
            if norm.isnan().any():
                raise ModelError(
                    "the network's logits are not numbers (NaN); its weights are damaged, or the "
                    "pruning was too harsh for its dtype"
                )
            yield rows, logits, norm

    def score(self, hidden: Tensor, targets: Tensor) -> Scored:
        """Return what is said of one target token per hidden state.

        Parameters
        ----------
        hidden
            Hidden states; (n, width).
        targets
            Token ids; (n,).
        """
        log_probs: list[float] = []
        ranks: list[int] = []
        margins: list[float] = []
        for rows, logits, norm in self.chunks(hidden):
            wanted = logits.gather(1, targets[rows, None].to(logits.device))  # (rows, 1)
            log_probs += (wanted - norm)[:, 0].tolist()
            ranks += (1 + (logits > wanted).sum(-1)).tolist()
            margins += (wanted[:, 0] - logits.amax(-1)).tolist()
        return Scored(log_probs, ranks, margins)
