"""What does a model write when nobody asks? Texts sampled from it, to measure activations on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from illusion_lib.allocator import keep_freed_memory
from illusion_lib.errors import ModelError
from illusion_lib.models import Model
from illusion_lib.products import packed_weights

_ROWS = 32  # texts sampled side by side


@torch.no_grad()
def sample_text(
    model: Model, samples: int, length: int, seed: int, openings: Sequence[str] = ()
) -> torch.Tensor:
    """Return texts that the model writes by itself, int64 (samples, length).

    Each row starts with the model's start token and consumes its own row of random numbers, so
    that a text does not depend on those sampled beside it.

    Parameters
    ----------
    model, samples, length, seed
        See `calibrate`.
    openings
        Texts that the rows begin with, dealt out in turn: they lead the model into a language.
    """
    keep_freed_memory()
    generator = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(samples, length, dtype=torch.float64, generator=generator)
    given = _given(model, samples, length, openings)
    parts = zip(torch.split(uniforms, _ROWS), torch.split(given, _ROWS), strict=True)
    with packed_weights(model.net):
        return torch.cat([_decode(model, *part) for part in parts])


def _given(model: Model, samples: int, length: int, openings: Sequence[str]) -> torch.Tensor:
    """Return the tokens that are not sampled, (samples, length), and -1 where they are."""
    given = torch.full((samples, length), -1, dtype=torch.int64)
    given[:, 0] = start_token(model)
    tokens = [model.tokenizer(text, add_special_tokens=False).input_ids for text in openings]
    for row in range(samples if tokens else 0):
        opening = torch.tensor(tokens[row % len(tokens)][: length - 1], dtype=torch.int64)
        given[row, 1 : 1 + len(opening)] = opening
    return given


def _decode(model: Model, uniforms: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Write one batch of texts: `uniforms` (rows, length) decide what `given` leaves open."""
    tokens = given.clone()
    banned = _never_written(model)
    cache: Any = None
    for position in range(1, tokens.shape[1]):
        step = tokens[:, position - 1 : position].to(model.device)
        output = model.net(input_ids=step, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        logits = output.logits[:, -1].float().cpu()  # (rows, vocabulary)
        logits[:, banned] = -torch.inf
        drawn = draw(logits, uniforms[:, position])
        tokens[:, position] = torch.where(given[:, position] < 0, drawn, given[:, position])
    return tokens


def draw(logits: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Return one token per row by inverting the cumulative softmax.

    Parameters
    ----------
    logits
        (rows, vocabulary).
    uniforms
        Numbers in [0, 1), (rows,).
    """
    cumulative = logits.double().softmax(dim=1).cumsum(dim=1)  # (rows, vocabulary)
    targets = uniforms[:, None] * cumulative[:, -1:]  # the sum is 1 up to rounding
    return torch.searchsorted(cumulative, targets, right=True)[:, 0]


def start_token(model: Model) -> int:
    """Return the token from which the model writes freely: begin, else end of text."""
    for token in (model.tokenizer.bos_token_id, model.tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise ModelError(
        f"{model.spec.name!r} has neither a begin nor an end token to start a text from; "
        "give a text file as calibration source"
    )


def _never_written(model: Model) -> list[int]:
    """Return the padding token, unless it is one that ends texts as well."""
    padding = model.tokenizer.pad_token_id
    meaningful = {model.tokenizer.bos_token_id, model.tokenizer.eos_token_id}
    return [] if padding is None or padding in meaningful else [padding]
