"""The most likely answers as a whole: beam search."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from illusion_lib.probes.decode import Output
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.head import Head
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.tokens import Stops
from illusion_lib.probes.walk import Walk, drive


@dataclass(slots=True)
class _Search:
    """The state of one prompt's search: answers found, and the running beams with their scores."""

    found: list[Output] = field(default_factory=list)
    running: list[tuple[float, list[int]]] = field(default_factory=lambda: [(0.0, [])])

    def add(self, output: Output, beams: int) -> None:
        """Keep an answer if it is among the best."""
        self.found.append(output)
        self.found.sort(key=lambda o: -o.score)
        del self.found[beams:]


def beam_search(
    engine: Engine,
    prefix: Prefix,
    stops: Stops,
    limit: int,
    beams: int,
    length_penalty: float = 1.0,
    early_stopping: bool = True,
) -> list[list[Output]]:
    """Return up to `beams` answers per prompt, the best first.

    The same search as ``transformers`` (5.23) does: an answer that ends among the best `beams`
    candidates is kept with its log-prob divided by length ** `length_penalty` (the ending token
    counts); the best candidates that go on are the next beams.

    Parameters
    ----------
    engine, prefix
        The network and the encoded prompts.
    stops
        Tokens that end an answer.
    limit
        Longest answer in tokens.
    beams
        Width of the search, and number of answers kept.
    length_penalty
        Exponent of the length in an answer's score; 0 compares plain log-probs.
    early_stopping
        Whether a search ends with its `beams`-th answer; else only when no running beam is better,
        at its present length, than the worst answer kept.
    """
    rows = range(len(prefix.tokens))
    walk = beam_walk(engine.head, len(rows), stops, limit, beams, length_penalty, early_stopping)
    outputs: list[list[Output]] = drive(engine, prefix, [(walk, rows)])[0]
    return outputs


def beam_walk(
    head: Head,
    prompts: int,
    stops: Stops,
    limit: int,
    beams: int,
    length_penalty: float = 1.0,
    early_stopping: bool = True,
) -> Walk:
    """Walk as `beam_search` does, from so many prompts."""
    searches = [_Search() for _ in range(prompts)]
    open_rows = list(range(prompts))
    hidden = yield  # type: ignore[misc]  # primed by next(): no step to yield yet
    for length in range(1, limit + 1):
        ends = stops.at(length - 1)
        scores = [score for row in open_rows for score, _ in searches[row].running]
        grown = _grow(head, hidden, torch.tensor(scores), len(open_rows), beams, ends)
        parents: list[int] = []
        tokens: list[int] = []
        going: list[int] = []
        for place, row in enumerate(open_rows):
            search = searches[row]
            first = place * len(search.running)
            best, onward = (candidates[place] for candidates in grown)
            for score, parent, token in best:
                if token in ends or length == limit:
                    said = search.running[parent][1] + ([] if token in ends else [token])
                    value = score / length**length_penalty
                    search.add(Output(said, finished=token in ends, score=value), beams)
            if _closed(search, onward[0][0], length, beams, length_penalty, early_stopping):
                continue
            search.running = [(s, [*search.running[p][1], t]) for s, p, t in onward]
            parents += [first + parent for _, parent, _ in onward]
            tokens += [token for _, _, token in onward]
            going.append(row)
        if not going or length == limit:
            break
        open_rows = going
        hidden = yield torch.tensor(parents), torch.tensor(tokens)
    return [search.found for search in searches]


def _closed(
    search: _Search, best: float, length: int, beams: int, penalty: float, early: bool
) -> bool:
    if len(search.found) < beams:
        return False
    return early or best / length**penalty <= search.found[-1].score


Candidate = tuple[float, int, int]  # summed log-prob, parent beam, token


def _grow(
    head: Head,
    hidden: Tensor,
    scores: Tensor,
    prompts: int,
    beams: int,
    stops: frozenset[int],
) -> tuple[list[list[Candidate]], list[list[Candidate]]]:
    """Return per prompt the best `beams` candidates, and the best that do not end the answer."""
    ends = torch.tensor(sorted(stops), dtype=torch.long, device=hidden.device)
    values: list[Tensor] = []
    tokens: list[Tensor] = []
    for rows, logits, norm in head.chunks(hidden):
        # Enough of each branch that `beams` are left when those that end are taken away.
        top = logits.topk(min(beams + len(ends), logits.shape[1]))
        values.append(top.values - norm + scores[rows, None].to(logits.device))
        tokens.append(top.indices)
    value, token = torch.cat(values), torch.cat(tokens)  # (branches, beams + ends)
    onward = value.masked_fill(torch.isin(token, ends.to(token.device)), -torch.inf)
    return _merge(value, token, prompts, beams), _merge(onward, token, prompts, beams)


def _merge(values: Tensor, tokens: Tensor, prompts: int, beams: int) -> list[list[Candidate]]:
    """Return each prompt's best candidates over all its branches, from the best of each branch."""
    width = values.shape[1]
    values, tokens = values.view(prompts, -1), tokens.view(prompts, -1)
    top, where = values.topk(min(beams, values.shape[1]))  # (prompts, beams)
    columns = zip(top.tolist(), where.tolist(), tokens.gather(1, where).tolist(), strict=True)
    return [
        [(value, place // width, token) for value, place, token in zip(*row, strict=True)]
        for row in columns
    ]
