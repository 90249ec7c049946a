"""How long do tools take, and how much memory, when they take turns in one process?"""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from illusion_lib.products import product


@dataclass(frozen=True)
class Measured:
    """Seconds of each round and peak memory of one tool on one piece of work; what it found."""

    seconds: tuple[float, ...]
    bytes: int
    found: list[Any]

    @property
    def usual(self) -> float:
        """The median of the rounds' seconds."""
        return statistics.median(self.seconds)


def times_faster(ours: Measured, peer: Measured) -> list[float]:
    """Return by round how many times faster we are.

    A machine that others use too changes its speed from minute to minute: only turns that follow
    one another compare.
    """
    return [theirs / own for own, theirs in zip(ours.seconds, peer.seconds, strict=True)]


def measure(*tools: Callable[[], list[Any]], rounds: int) -> list[Measured]:
    """Let tools take turns at their work; of each all rounds, and its highest memory."""
    done = [Measured((), 0, [])] * len(tools)
    for _ in range(rounds):
        for place, (work, last) in enumerate(zip(tools, done, strict=True)):
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")  # the peak starts again from here
            before, started = status("VmRSS"), time.perf_counter()
            found = work()
            seconds, peak = time.perf_counter() - started, status("VmHWM") - before
            done[place] = Measured((*last.seconds, seconds), max(peak, last.bytes), found)
    return done


def status(field: str) -> int:
    """Return a memory figure of this process in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) * 1024


def matmul_rates(dtype: torch.dtype, count: int = 15) -> list[float]:
    """Return this machine's floating point operations per second in 1024-cube products.

    Of torch's own product and of ours, whichever is faster.
    """
    a, b = torch.randn(2, 1024, 1024).to(dtype).unbind()
    return [
        2 * 1024**3 / min(_seconds(multiply, a, b) for multiply in (torch.mm, product))
        for _ in range(count)
    ]


def _seconds(multiply: Callable[[torch.Tensor, torch.Tensor], Any], *pair: torch.Tensor) -> float:
    started = time.perf_counter()
    multiply(*pair)
    return time.perf_counter() - started
