"""On which token windows activations are measured: the model's own text, files, or a hub set."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from illusion_lib.errors import SpecError
from illusion_lib.items import load_items
from illusion_lib.models import Model
from illusion_lib.pruning.corpus import (
    SELF,
    is_documents,
    is_tokens,
    read_documents,
    read_text,
    read_tokens,
)
from illusion_lib.pruning.sampling import sample_text


def calibrate(
    model: Model,
    source: str = SELF,
    samples: int = 32,
    length: int = 256,
    seed: int = 0,
    languages: Sequence[str] = (),
) -> torch.Tensor:
    """Return token windows on which the activations of a model can be measured.

    Parameters
    ----------
    model
        The dense model.
    source
        ``"self"``: text sampled from the model at temperature 1, from its start token. Else a file:
        ``.jsonl`` (field ``text``, may be gzipped), ``.npy`` (token ids), anything else UTF-8 text.
        ``"hub:owner/name/path"`` is such a file of a hub data set, and ``"c4"`` the shard of C4
        that Wanda and SparseGPT draw from (they take 128 samples of 2048 tokens, seed 0).
    samples, length
        Number of windows and their length in tokens, never the model's maximum.
    seed
        Draw of the text or of the windows.
    languages
        Only for ``"self"``: begin the texts with questions in these languages, in equal shares.

    Returns
    -------
    torch.Tensor
        int64, (samples, length), on the CPU.

    Raises
    ------
    SpecError
        The source cannot be read, or is shorter than one window.
    """
    if samples < 1 or length < 2:
        raise SpecError(f"calibration needs samples >= 1 and length >= 2, got {samples} x {length}")
    if source == SELF:
        return sample_text(model, samples, length, seed, _openings(languages, samples, seed))
    if languages:
        raise SpecError(f"languages steer self-sampled text, not {source!r}; leave them out")
    if is_documents(source):
        return _from_documents(model, source, samples, length, seed)
    if is_tokens(source):
        return _from_tokens(source, samples, length, seed)
    return _windows(file_tokens(model, source), source, samples, length, seed)


def file_tokens(model: Model, source: str) -> torch.Tensor:
    """Return a text as token ids, int64 (tokens,), without special tokens.

    Parameters
    ----------
    model
        Whose tokenizer is used, once for the whole text.
    source
        A UTF-8 text, or documents, joined by blank lines: a file here or on the hub.

    Raises
    ------
    SpecError
        It cannot be read, or is not text.
    """
    text = "\n\n".join(read_documents(source)) if is_documents(source) else read_text(source)
    ids = model.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    return torch.tensor(ids, dtype=torch.int64)


def _openings(languages: Sequence[str], samples: int, seed: int) -> list[str]:
    """Return questions in the languages, alternating between them."""
    share = -(-samples // max(1, len(languages)))
    asked = [
        [item.question + "\n" for item in load_items("facts", [language], limit=share, seed=seed)]
        for language in languages
    ]
    return [questions[i % len(questions)] for i in range(share) for questions in asked]


def _from_documents(
    model: Model, source: str, samples: int, length: int, seed: int
) -> torch.Tensor:
    """Draw windows as the published code does, with the same random numbers.

    A random document, again and again until it is longer than a window; of it, a random window.
    """
    documents = read_documents(source)
    draw = random.Random(seed)
    short: set[int] = set()
    rows: list[list[int]] = []
    while len(rows) < samples:
        if len(short) == len(documents):
            raise SpecError(
                f"calibration source {source!r} has no text longer than {length} tokens; "
                "give longer texts or a shorter length"
            )
        place = draw.randint(0, len(documents) - 1)
        if place in short:
            continue
        tokens = model.tokenizer(documents[place], verbose=False).input_ids
        if len(tokens) > length:
            start = draw.randint(0, len(tokens) - length - 1)
            rows.append(tokens[start : start + length])
        else:
            short.add(place)
    return torch.tensor(rows, dtype=torch.int64)


def _from_tokens(source: str, samples: int, length: int, seed: int) -> torch.Tensor:
    """Draw windows of one row of token ids, or whole rows of given windows."""
    tokens = torch.from_numpy(read_tokens(source))
    if tokens.ndim == 1:
        return _windows(tokens, source, samples, length, seed)
    if tokens.shape[1] != length or len(tokens) < samples:
        raise SpecError(
            f"calibration source {source!r} holds {len(tokens)} windows of {tokens.shape[1]} "
            f"tokens, not {samples} of {length}; ask for what it holds"
        )
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(seed))
    return tokens[order[:samples]]


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
