"""How much work to put into a batch: as much as memory allows, and half of it where it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

Result = TypeVar("Result")
# So torch says it in words only: on a processor (Linux, Windows), and from within a GPU's library.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


@dataclass(slots=True)
class Budget:
    """How many cache slots a batch may take; halved for good when memory runs out.

    Attributes
    ----------
    slots
        Tokens held at a time, over all rows of a batch.
    halvings
        How often memory ran out.
    unpacked
        How many prompts were expanded on a network that packs: its sliding window is too narrow.
    """

    slots: int = 3 << 13
    halvings: int = 0
    unpacked: int = 0

    def run(
        self,
        costs: Sequence[int],
        work: Callable[[list[int]], list[Result]],
        finished: Callable[[int], None] = lambda count: None,
    ) -> list[Result]:
        """Return what `work` makes of every job, in the jobs' order.

        Parameters
        ----------
        costs
            Slots that each job needs. The costliest jobs run first, so that memory runs out at
            the beginning or not at all.
        work
            Takes the indices of a batch's jobs, returns their results.
        finished
            Told after each batch how many jobs it had.
        """
        waiting = sorted(range(len(costs)), key=lambda job: -costs[job])
        results: dict[int, Result] = {}
        while waiting:
            size = max(1, min(len(waiting), self.slots // max(1, costs[waiting[0]])))
            batch = waiting[:size]
            try:
                done = work(batch)
            except (MemoryError, RuntimeError) as error:
                if size == 1 or not _no_memory(error):
                    raise
                self.slots, self.halvings = self.slots // 2, self.halvings + 1
                torch.cuda.empty_cache()
                continue
            results.update(zip(batch, done, strict=True))
            waiting = waiting[size:]
            finished(size)
        return [results[job] for job in range(len(costs))]


def _no_memory(error: Exception) -> bool:
    """Whether memory ran out."""
    known = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, known) or any(words in str(error) for words in _NO_MEMORY)
