"""How a model is pruned: method, sparsity or pattern, statistics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from illusion_lib.errors import SpecError
from illusion_lib.pruning.registry import DENSE, METHODS
from illusion_lib.specs.checks import one_of, refuse

Statistics = Literal["sequential", "one_pass"]


@dataclass(frozen=True, slots=True)
class PruneSpec:
    """How the decoder's Linear layers are pruned.

    Attributes
    ----------
    method
        A name of `illusion_lib.pruning.registry.METHODS`; ``dense`` changes nothing.
    sparsity
        Share of weights set to zero in every layer, in [0, 1). Implied by `pattern`.
    pattern
        ``"n:m"``: of every m consecutive inputs of a row, n weights are *kept* (NVIDIA's reading).
    statistics
        ``sequential``: each block's statistics come from inputs that already passed the pruned
        blocks before it. ``one_pass``: from the dense model, once for every method and sparsity.
    block_size, damping
        SparseGPT's column block and the share of the mean diagonal added to its Hessian.
    """

    method: str = DENSE
    sparsity: float = 0.0
    pattern: str | None = None
    statistics: Statistics = "sequential"
    block_size: int = 128
    damping: float = 0.01

    def __post_init__(self) -> None:
        one_of(self.method, tuple(METHODS), "pruning method")
        one_of(self.statistics, get_args(Statistics), "statistics mode")
        if self.pattern is not None:
            kept, group = parse_pattern(self.pattern)
            implied = 1 - kept / group
            refuse(
                self.sparsity not in (0.0, implied),
                f"pattern {self.pattern} means sparsity {implied:g}, not {self.sparsity:g}; "
                "leave sparsity out",
            )
            object.__setattr__(self, "sparsity", implied)
        refuse(
            not (isinstance(self.sparsity, int | float) and 0 <= self.sparsity < 1),
            f"sparsity must lie in [0, 1), got {self.sparsity!r}; 0.5 zeroes half of the weights",
        )
        refuse(
            self.sparsity > 0 and not METHODS[self.method].sparsifies,
            f"method {self.method!r} makes no zeros, but sparsity {self.sparsity:g} was asked "
            "for; choose a pruning method",
        )
        refuse(self.block_size < 1, f"block_size must be at least 1, got {self.block_size}")
        refuse(self.damping <= 0, f"damping must be positive, got {self.damping}")

    @property
    def slug(self) -> str:
        """Short name that sorts by sparsity: ``wanda-s050``, ``wanda-2of4``, ``dense``."""
        if not METHODS[self.method].sparsifies:
            return self.method.replace("_", "-")
        if self.pattern is not None:
            return f"{self.method}-{self.pattern.replace(':', 'of')}"
        thousandths = f"{1000 * self.sparsity:04.0f}"
        return f"{self.method}-s{thousandths[:-1] if thousandths.endswith('0') else thousandths}"

    @property
    def label(self) -> str:
        """The same for a reader: ``Wanda 50 %``, ``Wanda 2:4``, ``dense``."""
        if not METHODS[self.method].sparsifies:
            return METHODS[self.method].label
        amount = self.pattern or f"{100 * self.sparsity:g} %"
        return f"{METHODS[self.method].label} {amount}"


def parse_pattern(pattern: str) -> tuple[int, int]:
    """Return (kept, group) of an ``"n:m"`` pattern.

    >>> parse_pattern("2:4")
    (2, 4)
    """
    match = re.fullmatch(r"([0-9]{1,6}):([0-9]{1,6})", pattern)
    if match is None or not 0 < int(match[1]) < int(match[2]):
        raise SpecError(
            f"pattern {pattern!r} is not n:m with 0 < n < m; '2:4' keeps 2 of every 4 weights"
        )
    return int(match[1]), int(match[2])
