"""Where calibration text comes from: sampled from the model itself, or windows of a text file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from illusion_lib.errors import ModelError, SpecError
from illusion_lib.models import Model

SELF = "self"
_ROWS = 32  # texts sampled side by side


def calibrate(
    model: Model, source: str = SELF, samples: int = 32, length: int = 256, seed: int = 0
) -> torch.Tensor:
    """Return token windows on which the activations of a model can be measured.

    Parameters
    ----------
    model
        The dense model.
    source
        ``"self"`` samples text from the model at temperature 1, from its start token; anything
        else is the path of a UTF-8 text file, of which random windows are taken.
    samples, length
        Number of windows and their length in tokens.
    seed
        Draw of the text or of the windows.

    Returns
    -------
    torch.Tensor
        int64, (samples, length), on the CPU.

    Raises
    ------
    SpecError
        The file does not exist, is not text, or is shorter than one window.
    """
    if samples < 1 or length < 2:
        raise SpecError(f"calibration needs samples >= 1 and length >= 2, got {samples} x {length}")
    if source == SELF:
        return sample_text(model, samples, length, seed)
    return _windows(file_tokens(model, Path(source).expanduser()), source, samples, length, seed)


@torch.no_grad()
def sample_text(model: Model, samples: int, length: int, seed: int) -> torch.Tensor:
    """Return texts that the model writes by itself, int64 (samples, length).

    Each row starts with the model's start token and consumes its own row of random numbers, so
    that a text does not depend on those sampled beside it.
    """
    generator = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(samples, length, dtype=torch.float64, generator=generator)
    rows = [_decode(model, part) for part in torch.split(uniforms, _ROWS)]
    return torch.cat(rows)


def _decode(model: Model, uniforms: torch.Tensor) -> torch.Tensor:
    """Write one batch of texts; `uniforms` (rows, length) decide every token but the first."""
    rows, length = uniforms.shape
    tokens = torch.full((rows, length), start_token(model), dtype=torch.int64)
    banned = _never_written(model)
    cache: Any = None
    for position in range(1, length):
        step = tokens[:, position - 1 : position].to(model.device)
        output = model.net(input_ids=step, past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        logits = output.logits[:, -1].float().cpu()  # (rows, vocabulary)
        logits[:, banned] = -torch.inf
        tokens[:, position] = draw(logits, uniforms[:, position])
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


def file_tokens(model: Model, path: Path) -> torch.Tensor:
    """Return a UTF-8 text file as token ids, int64 (tokens,), without special tokens.

    Raises
    ------
    SpecError
        It cannot be read, or is not text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SpecError(
            f"cannot read calibration source {str(path)!r} ({reason}); "
            f"give a text file, or {SELF!r} to sample from the model"
        ) from error
    ids = model.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    return torch.tensor(ids, dtype=torch.int64)


def _windows(
    tokens: torch.Tensor, source: str, samples: int, length: int, seed: int
) -> torch.Tensor:
    """Return random windows of a long text, int64 (samples, length)."""
    if len(tokens) < length:
        raise SpecError(
            f"calibration text {source} has {len(tokens)} tokens, fewer than one window of "
            f"{length}; give a longer text or a shorter length"
        )
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(0, len(tokens) - length + 1, (samples, 1), generator=generator)
    return tokens[starts + torch.arange(length)]
