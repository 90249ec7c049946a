"""How is a model pruned that is larger than the accelerator? One block at a time lies there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from illusion_lib.pruning.blocks import Block
from illusion_lib.pruning.report import LayerReport


@contextmanager
def moved(module: nn.Module, device: torch.device | None) -> Iterator[None]:
    """Have a module on `device` for a while; None leaves it where it is."""
    home = next(module.parameters()).device
    if device is None or device == home:
        yield
        return
    module.to(device)
    try:
        yield
    finally:
        module.to(home)


class Journal(Protocol):
    """Where the finished blocks of a run are kept, so that a killed run can go on."""

    def recall(self, block: Block) -> list[LayerReport] | None:
        """Put a finished block's weights back into it and return its report; None if unknown."""

    def keep(self, block: Block, layers: Sequence[LayerReport]) -> None:
        """Keep a block that has just been pruned."""


@dataclass(frozen=True, slots=True)
class NoJournal:
    """Keeps nothing."""

    def recall(self, block: Block) -> list[LayerReport] | None:
        """Know no block."""
        return None

    def keep(self, block: Block, layers: Sequence[LayerReport]) -> None:
        """Forget the block."""
