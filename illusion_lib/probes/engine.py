"""How a network is driven: which of three paths continues its prompts, found out by experiment."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal, Protocol, get_args
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel

from illusion_lib.allocator import keep_freed_memory
from illusion_lib.errors import ModelError
from illusion_lib.probes import expanded, packed
from illusion_lib.probes.budget import Budget
from illusion_lib.probes.head import Head, Scored
from illusion_lib.probes.prefix import Prefix
from illusion_lib.probes.store import Store

ScoringPath = Literal["packed", "expanded", "recompute"]

# Pruning changes weights, not what the network does with a mask: one trial per network.
_found: WeakKeyDictionary[PreTrainedModel, ScoringPath] = WeakKeyDictionary()
# Tokens of the trial, counted from the middle of the vocabulary, where no special ones lie.
_TRIAL_PROMPTS = [[3, 5, 7, 11, 13, 17, 19], [2, 4, 6]]
_TRIAL_ROWS = [0, 0, 0, 1, 1]
_TRIAL_OPTIONS = [[8, 9, 10], [12], [14, 15], [9, 8], [16, 18, 20]]
# Branches that fork, change places and end as they grow (parents, tokens), and what is read then.
_TRIAL_STEPS = [([0, 0, 1], [8, 14, 9]), ([1, 2, 0], [15, 8, 9])]
_TRIAL_GROWN = [(0, [14, 15, 4]), (1, [9, 8, 5]), (0, [8, 9, 6])]  # prompt; tokens, the last read


class Branches(Protocol):
    """Branches of encoded prompts that grow by one token at a time.

    Attributes
    ----------
    rows
        Which prompt each branch continues; (branches,).
    hidden
        Last hidden state of each branch; (branches, width).
    """

    rows: Tensor
    hidden: Tensor

    def advance(self, parents: Tensor, tokens: Tensor) -> None:
        """Replace the branches: each new one is an old one (`parents`) and one more token."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A network with its vocabulary head, and the fastest path that computes the right thing.

    Attributes
    ----------
    net, head
        The network and its head.
    path
        ``packed``: all branches of a prompt in one row; ``expanded``: a row per branch, each with a
        copy of the cache; ``recompute``: a row per branch and no cache.
    positioned
        Whether the network takes ``position_ids``.
    budget
        How many cache slots a batch may take, and what was done otherwise than planned.
    """

    net: PreTrainedModel
    head: Head
    path: ScoringPath
    positioned: bool
    budget: Budget

    @classmethod
    def of(cls, net: PreTrainedModel, path: ScoringPath | None = None) -> Engine:
        """Return the engine of a network.

        Parameters
        ----------
        net
            The network, in evaluation mode.
        path
            The path to take; None takes the first of packed, expanded and recompute that gives
            the log-probs of plain recomputation on a small made-up trial.

        Raises
        ------
        ModelError
            The network cannot be driven at all.
        """
        keep_freed_memory()
        takes = inspect.signature(net.base_model.forward).parameters
        positioned = "position_ids" in takes
        head = Head.of(net)
        make = [cls(net, head, p, positioned, Budget()) for p in get_args(ScoringPath)]
        wanted = path or _found.get(net)
        if wanted is None:
            works: ScoringPath = next(e.path for e in make if e.path == "recompute" or e._works())
            wanted = _found[net] = works
        return next(engine for engine in make if engine.path == wanted)

    def prefill(self, prompts: list[list[int]], alike: Sequence[Hashable] | None = None) -> Prefix:
        """Return the prompts encoded; those of one kind (`alike`) share what they begin with."""
        with torch.inference_mode():
            if self.path == "packed":
                if self._fits(prompts):
                    return packed.prefill(self.net, prompts, alike)
                self.budget.unpacked += len(prompts)
            return expanded.prefill(self.net, prompts, self.path != "recompute", self.positioned)

    def branch(self, prefix: Prefix) -> Branches:
        """Return one branch per prompt, ready to grow."""
        if isinstance(prefix.cache, Store):
            return packed.PackedBranches(self.net, prefix)
        return expanded.ExpandedBranches(self.net, prefix, self.positioned)

    def score(
        self, prefix: Prefix, rows: Sequence[int], sequences: Sequence[Sequence[int]]
    ) -> list[Scored]:
        """Return log-prob, rank and margin of each token of each continuation of a prompt.

        Parameters
        ----------
        prefix
            The encoded prompts.
        rows
            Which prompt each sequence continues.
        sequences
            Token ids, none empty.
        """
        with torch.inference_mode():
            if isinstance(prefix.cache, Store):
                found = packed.follow(self.net, prefix, rows, sequences)
            else:
                found = expanded.follow(self.net, prefix, rows, sequences, self.positioned)
            targets = torch.tensor([token for ids in sequences for token in ids])
            places = torch.tensor([state for read in found.read for state in read])
            scored = self.head.score(found.states, targets, places)
        ends = list(accumulate((len(ids) for ids in sequences), initial=0))
        return [scored.part(a, b) for a, b in pairwise(ends)]

    def _fits(self, prompts: list[list[int]]) -> bool:
        """Whether no sliding window cuts into what a packed branch must see."""
        window = getattr(self.net.config.get_text_config(), "sliding_window", None)
        return window is None or 2 * max(map(len, prompts)) < window

    def _works(self) -> bool:
        """Whether this path gives what recomputation gives."""
        slow = Engine(self.net, self.head, "recompute", self.positioned, self.budget)
        if self.path == "packed" and not self.positioned:
            return False
        try:
            ours, right = torch.tensor(self._trial()), torch.tensor(slow._recomputed_trial())
        except ModelError:
            raise
        except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):
            return False  # the network refuses the mask, the positions or the cache
        tolerance = 1e-2 if self.net.dtype == torch.float32 else 0.5
        return bool((ours - right).abs().max() <= tolerance)

    def _trial(self) -> list[float]:
        """Score and grow a few made-up continuations; the mask and the positions must be obeyed."""
        prefix = self.prefill(self._from_middle(_TRIAL_PROMPTS))
        scored = self.score(prefix, _TRIAL_ROWS, self._from_middle(_TRIAL_OPTIONS))
        device = prefix.hidden.device
        with torch.inference_mode():
            branches = self.branch(prefix)
            for parents, tokens in _TRIAL_STEPS:
                (added,) = self._from_middle([tokens])
                branches.advance(
                    torch.tensor(parents, device=device), torch.tensor(added, device=device)
                )
            (read,) = self._from_middle([[tokens[-1] for _, tokens in _TRIAL_GROWN]])
            grown = self.head.score(branches.hidden, torch.tensor(read))
        return [value for one in (*scored, grown) for value in one.log_probs]

    def _recomputed_trial(self) -> list[float]:
        """Return what `_trial` must give, all continuations scored at once."""
        rows = [*_TRIAL_ROWS, *(row for row, _ in _TRIAL_GROWN)]
        sequences = [*_TRIAL_OPTIONS, *(tokens for _, tokens in _TRIAL_GROWN)]
        prefix = self.prefill(self._from_middle(_TRIAL_PROMPTS))
        scored = self.score(prefix, rows, self._from_middle(sequences))
        options, grown = scored[: len(_TRIAL_ROWS)], scored[len(_TRIAL_ROWS) :]
        values = [value for one in options for value in one.log_probs]
        return [*values, *(one.log_probs[-1] for one in grown)]

    def _from_middle(self, sequences: list[list[int]]) -> list[list[int]]:
        """Return made-up tokens, counted from the middle of the vocabulary."""
        middle = self.net.config.get_text_config().vocab_size // 2
        return [[middle + token for token in ids] for ids in sequences]


def scoring_path(net: PreTrainedModel) -> ScoringPath:
    """Return which path the probes take on a network, for the manifest."""
    return Engine.of(net).path
