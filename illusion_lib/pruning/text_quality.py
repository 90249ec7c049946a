"""How well a model predicts a text: perplexity over windows of a stated length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from illusion_lib.errors import SpecError
from illusion_lib.models import Model
from illusion_lib.products import packed_weights
from illusion_lib.pruning.calibration import file_tokens

_BATCH_LOGITS = 2**27  # of a batch, over the whole vocabulary: 512 MiB in float32


@dataclass(frozen=True, slots=True)
class Perplexity:
    """A perplexity and what it was measured on; figures for other windows do not compare.

    Attributes
    ----------
    value
        exp of the mean negative log-probability per predicted token.
    windows, length
        Number of windows and tokens in each; the first token of a window is not predicted.
    """

    value: float
    windows: int
    length: int


def text_windows(model: Model, path: str | Path, length: int) -> torch.Tensor:
    """Return a text as consecutive windows, int64 (windows, length); the tail is dropped.

    The text is tokenised once and as a whole. It may be a UTF-8 file, or documents (JSON lines
    with a field ``text``) joined by blank lines, here or on the hub (``hub:owner/name/file``).

    Raises
    ------
    SpecError
        The file cannot be read, or is shorter than one window.
    """
    tokens = file_tokens(model, str(path))
    if length < 2 or len(tokens) < length:
        raise SpecError(
            f"text {path} has {len(tokens)} tokens, which makes no window of {length}; "
            "give a longer text or a length between 2 and that"
        )
    count = len(tokens) // length
    return tokens[: count * length].view(count, length)


@torch.no_grad()
def perplexity(model: Model, tokens: torch.Tensor) -> Perplexity:
    """Return a model's perplexity on token windows that do not overlap.

    Parameters
    ----------
    model
        Not changed.
    tokens
        Token ids, (windows, length), from `text_windows`, or held-out text from `calibrate` with
        a seed of its own.
    """
    windows, length = tokens.shape
    total = 0.0
    vocabulary = model.net.get_input_embeddings().weight.shape[0]
    with packed_weights(model.net):
        for batch in torch.split(tokens, max(1, _BATCH_LOGITS // (vocabulary * length))):
            ids = batch.to(model.device)
            logits = model.net(input_ids=ids, use_cache=False).logits[:, :-1].float()
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
            )
            total += float(losses.double().sum())
    loss = total / (windows * (length - 1))  # nats per predicted token
    return Perplexity(math.exp(loss) if loss < 700 else math.inf, windows, length)
