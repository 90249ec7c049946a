"""The pruning methods by name: what each needs, without importing torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DENSE = "dense"

Need = Literal["nothing", "norms", "gram"]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to compress a Linear layer.

    Attributes
    ----------
    label
        The method's name for a reader.
    module
        Module below `illusion_lib.pruning` whose ``prune_layer`` does the work.
    needs
        Activation statistics it reads: none, the input norms, or the Gram matrix.
    settings
        Fields of `PruneSpec` beyond sparsity and pattern that change its result.
    """

    label: str
    module: str
    needs: Need
    settings: tuple[str, ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether the method reads activations, so that calibration matters."""
        return self.needs != "nothing"


METHODS: dict[str, Method] = {
    DENSE: Method("dense", "dense", "nothing"),
    "magnitude": Method("magnitude", "magnitude", "nothing"),
    "wanda": Method("Wanda", "wanda", "norms", ("statistics",)),
    "sparsegpt": Method("SparseGPT", "sparsegpt", "gram", ("statistics", "block_size", "damping")),
}
