"""How far a model's next token moved: KL divergence from the dense model where the answer begins.

The dense model's distribution is kept as its likeliest tokens and the mass of all others. On that
coarser partition the divergence can only be smaller: what is recorded is a lower bound, in nats.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from illusion_lib.items.item import Item
from illusion_lib.models import Model
from illusion_lib.probes import rows
from illusion_lib.probes.batch import Batch
from illusion_lib.probes.head import Head
from illusion_lib.probes.session import Session
from illusion_lib.specs import ProbeSpec

KEPT = 1000  # tokens of the dense model's distribution


@dataclass(frozen=True, slots=True)
class Reference:
    """The dense model's next-token distributions after the open prompts.

    Attributes
    ----------
    items
        Item ids.
    tokens, log_probs
        The likeliest tokens, int32, and their log-probs in nats, float32; (items, kept).
    """

    items: tuple[str, ...]
    tokens: np.ndarray
    log_probs: np.ndarray


def write_reference(path: Path, reference: Reference) -> None:
    """Write a reference to a file of plain arrays."""
    with path.open("wb") as file:
        np.savez(
            file,
            items=np.array(reference.items),
            tokens=reference.tokens,
            log_probs=reference.log_probs,
        )


def read_reference(path: Path) -> Reference:
    """Return a reference that `write_reference` has written; nothing in the file is executed."""
    # Opened here: NumPy leaves a file open that turns out to be damaged.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return Reference(tuple(file["items"].tolist()), file["tokens"], file["log_probs"])


def dense_reference(model: Model, items: Sequence[Item], spec: ProbeSpec) -> Reference:
    """Return the distributions of a still dense model.

    Parameters
    ----------
    model, items, spec
        As `illusion_lib.probes.run_ladder` takes them.
    """
    session = Session(model, items, spec, lambda done, total, what: None)
    asked = [session.ask(session.prompts.open(item)) for item in items]

    def work(jobs: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        kinds = [items[job].language for job in jobs]
        prefix = session.engine.prefill([asked[job].ids for job in jobs], kinds)
        with torch.inference_mode():
            best = [
                (logits - norm).topk(min(KEPT, logits.shape[1]))
                for _, logits, norm in session.engine.head.chunks(prefix.hidden)
            ]
        tokens = torch.cat([one.indices for one in best]).int().cpu().numpy()
        return list(zip(tokens, torch.cat([b.values for b in best]).cpu().numpy(), strict=True))

    found = session.engine.budget.run([len(prompt.ids) for prompt in asked], work)
    tokens, log_probs = (np.stack(column) for column in zip(*found, strict=True))
    return Reference(tuple(item.id for item in items), tokens, log_probs)


def measure_shift(batch: Batch, reference: Reference) -> None:
    """Record every item's divergence from the dense model."""
    started = time.perf_counter()
    at = [reference.items.index(item.id) for item in batch.items]
    tokens = torch.from_numpy(reference.tokens[at]).long()
    dense = torch.from_numpy(reference.log_probs[at])
    ours = _read(batch.session.engine.head, batch.part("open").hidden, tokens)
    seconds = batch.seconds + (time.perf_counter() - started) / len(batch.items)
    divergences = coarse_kl(dense, ours).tolist()
    triples = zip(batch.items, batch.prompts("open"), divergences, strict=True)
    for item, prompt, divergence in triples:
        batch.session.keep(item, "kl", [rows.shift(item, prompt, divergence, seconds)])
    batch.session.tell("kl", len(batch.items), len(batch.session.items))


def coarse_kl(dense: Tensor, other: Tensor) -> Tensor:
    """Return KL(dense || other) in nats on the kept tokens and the lump of all others; (n,).

    Parameters
    ----------
    dense, other
        Log-probs of the same kept tokens; (n, kept).

    Examples
    --------
    >>> import torch
    >>> half = torch.tensor([[0.5]]).log()
    >>> coarse_kl(half, half).item()
    0.0
    """
    p, q = dense.double(), other.double()
    rest_p, rest_q = (_rest(p), _rest(q))
    lump = torch.where(rest_p > 0, rest_p * (rest_p.log() - rest_q.log()), 0.0)
    return ((p.exp() * (p - q)).sum(-1) + lump).clamp(min=0)


def _rest(log_probs: Tensor) -> Tensor:
    """Return the mass of all other tokens; never below what float32 can tell from none."""
    return (1 - log_probs.exp().sum(-1)).clamp(min=1e-7)


def _read(head: Head, hidden: Tensor, tokens: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat(
            [
                (logits - norm).gather(1, tokens[chunk].to(logits.device)).cpu()
                for chunk, logits, norm in head.chunks(hidden)
            ]
        )
