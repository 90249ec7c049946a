"""Let the model answer: greedily, or by independent draws from its own distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from illusion_lib.probes.engine import Engine
from illusion_lib.probes.head import BLOCK, Head, count_ranks
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.tokens import Stops
from illusion_lib.probes.walk import Walk, drive


@dataclass(slots=True)
class Output:
    """What was generated after one prompt.

    Attributes
    ----------
    tokens
        Token ids, without the one that ended the answer.
    finished
        Whether the model ended the answer itself.
    ranks
        Per step, the ranks of the watched tokens among all that could have come next.
    score
        Of a beam: its length-normalised log-prob; otherwise 0.
    """

    tokens: list[int] = field(default_factory=list)
    finished: bool = False
    ranks: list[list[int]] = field(default_factory=list)
    score: float = 0.0


def greedy(
    engine: Engine,
    prefix: Prefix,
    stops: Stops,
    limit: int,
    watched: Sequence[Sequence[int]] | None = None,
) -> list[Output]:
    """Return the answer made of the likeliest token at every step.

    Parameters
    ----------
    engine, prefix
        The network and the encoded prompts.
    stops
        Tokens that end an answer.
    limit
        Longest answer in tokens.
    watched
        Tokens per prompt whose ranks are noted at every step.
    """
    rows = range(len(prefix.tokens))
    walk = greedy_walk(engine.head, len(rows), stops, limit, watched)
    outputs: list[Output] = drive(engine, prefix, [(walk, rows)])[0]
    return outputs


def greedy_walk(
    head: Head,
    prompts: int,
    stops: Stops,
    limit: int,
    watched: Sequence[Sequence[int]] | None = None,
) -> Walk:
    """Walk as `greedy` does, from so many prompts."""
    outputs = [Output() for _ in range(prompts)]
    rows = list(range(prompts))  # prompt of each branch
    watch = _pad(watched or [[]] * prompts)
    hidden = yield  # type: ignore[misc]  # primed by next(): no step to yield yet
    for step in range(limit):
        best, ranks = _best(head, hidden, watch[rows].to(hidden.device))
        going = []
        for branch, (row, token) in enumerate(zip(rows, best.tolist(), strict=True)):
            if watched is not None:
                outputs[row].ranks.append(ranks[branch][: len(watched[row])])
            if token in stops.at(step):
                outputs[row].finished = True
            else:
                outputs[row].tokens.append(token)
                going.append(branch)
        if not going or step == limit - 1:
            break
        rows = [rows[branch] for branch in going]
        hidden = yield torch.tensor(going), best[going]
    return outputs


def _pad(lists: Sequence[Sequence[int]]) -> Tensor:
    width = max(map(len, lists))
    return torch.tensor([[*ids, *[0] * (width - len(ids))] for ids in lists], dtype=torch.long)


def _best(head: Head, hidden: Tensor, watch: Tensor) -> tuple[Tensor, list[list[int]]]:
    """Return the likeliest token per branch, and the ranks of the watched ones."""
    best: list[Tensor] = []
    ranks: list[list[int]] = []
    for rows, logits, _ in head.chunks(hidden):
        best.append(logits.argmax(-1))
        wanted = logits.gather(1, watch[rows].to(logits.device))  # (branches, watched)
        each = torch.arange(len(logits), device=logits.device).repeat_interleave(watch.shape[1])
        ranks += count_ranks(logits, each, wanted.flatten()).view_as(wanted).tolist()
    return torch.cat(best).to(hidden.device), ranks


def sample(
    engine: Engine,
    prefix: Prefix,
    stops: Stops,
    uniforms: Sequence[np.ndarray],
    temperature: float,
) -> list[list[Output]]:
    """Return independent draws of an answer, per prompt in the order drawn.

    Parameters
    ----------
    engine, prefix
        The network and the encoded prompts.
    stops
        Tokens that end an answer.
    uniforms
        Per prompt, numbers in [0, 1) that decide its draws: float (samples, longest answer). So
        what is drawn for a prompt does not depend on the other prompts.
    temperature
        Divides the logits.
    """
    walk = sample_walk(engine.head, stops, uniforms, temperature)
    outputs: list[list[Output]] = drive(engine, prefix, [(walk, range(len(uniforms)))])[0]
    return outputs


def sample_walk(
    head: Head, stops: Stops, uniforms: Sequence[np.ndarray], temperature: float
) -> Walk:
    """Walk as `sample` does; draws that have said the same so far share one branch."""
    counts = [len(table) for table in uniforms]
    outputs = [[Output() for _ in range(count)] for count in counts]
    flat = [output for row in outputs for output in row]
    draws = np.concatenate(list(uniforms))  # (all samples, longest answer)
    limit = draws.shape[1]
    live = np.arange(len(flat))
    at = np.repeat(np.arange(len(counts)), counts)  # branch that each live sample has reached
    hidden = yield  # type: ignore[misc]  # primed by next(): no step to yield yet
    for step in range(limit):
        tokens = _draw(head, hidden, at, draws[live, step], temperature)
        going = ~np.isin(tokens, list(stops.at(step)))
        for index, token, goes_on in zip(live, tokens, going, strict=True):
            if goes_on:
                flat[index].tokens.append(int(token))
            else:
                flat[index].finished = True
        live, at, tokens = live[going], at[going], tokens[going]
        if len(live) == 0 or step == limit - 1:
            break
        forks, at = np.unique(np.stack([at, tokens], 1), axis=0, return_inverse=True)
        hidden = yield torch.from_numpy(forks[:, 0]), torch.from_numpy(forks[:, 1])
    return outputs


def _draw(
    head: Head, hidden: Tensor, at: np.ndarray, uniform: np.ndarray, temperature: float
) -> np.ndarray:
    """Return one token per sample by inverting its branch's cumulative distribution."""
    tokens = np.empty(len(at), dtype=np.int64)
    for rows, logits, _ in head.chunks(hidden):
        starts = range(rows.start, rows.start + len(logits), BLOCK)
        for start, block in zip(starts, torch.split(logits, BLOCK), strict=True):
            mass = (block / temperature).softmax(-1).double().cumsum(-1)  # (branches, vocabulary)
            here = np.flatnonzero((at >= start) & (at < start + len(block)))
            branch = torch.from_numpy(at[here] - start).to(mass.device)
            wanted = torch.from_numpy(uniform[here]).to(mass.device) * mass[branch, -1]
            # Samples of one branch are looked up together, so that its distribution is not copied.
            for one in torch.unique(branch):
                mine = branch == one
                found = torch.searchsorted(mass[one], wanted[mine], right=True)
                tokens[here[mine.cpu().numpy()]] = found.clamp(max=mass.shape[1] - 1).cpu().numpy()
    return tokens
