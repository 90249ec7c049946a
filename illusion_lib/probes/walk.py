"""Drive several ways of decoding at once, so that the network computes them as one batch.

A walk is a generator: it is sent the hidden states of its branches, and yields which of them grow
by which token. Branches that different walks grow alike (a beam and a sample that say the same) are
computed once.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import Tensor

from illusion_lib.probes.engine import Engine
from illusion_lib.probes.prefix import Prefix

# Yields (parents, tokens), both (new branches,), is sent hidden states (new branches, width).
Walk = Generator[tuple[Tensor, Tensor], Tensor, Any]


def drive(engine: Engine, prefix: Prefix, walks: Sequence[tuple[Walk, Sequence[int]]]) -> list[Any]:
    """Return what each walk returns.

    Parameters
    ----------
    engine, prefix
        The network and the encoded prompts.
    walks
        Each with the prompts that it starts from, one branch each. It waits for its first hidden
        states at a bare ``yield``.
    """
    results: list[Any] = [None] * len(walks)
    with torch.inference_mode():
        branches = engine.branch(prefix)
        device = branches.hidden.device
        mine = {k: torch.tensor(list(rows), device=device) for k, (_, rows) in enumerate(walks)}
        for walk, _ in walks:
            next(walk)
        while mine:
            grown: dict[int, tuple[Tensor, Tensor]] = {}
            for k, held in mine.items():
                try:
                    parents, tokens = walks[k][0].send(branches.hidden[held])
                    grown[k] = held[parents.to(device)], tokens.to(device)
                except StopIteration as end:
                    results[k] = end.value
            if not grown:
                break
            forks = torch.stack([torch.cat(column) for column in zip(*grown.values(), strict=True)])
            forks, places = torch.unique(forks, dim=1, return_inverse=True)
            branches.advance(forks[0], forks[1])
            sizes = [len(tokens) for _, tokens in grown.values()]
            mine = dict(zip(grown, places.split(sizes), strict=True))
    return results
