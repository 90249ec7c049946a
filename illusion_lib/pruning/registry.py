"""The compression methods by name: what each needs, without importing torch.

A new method is one file with a function ``prune_layer`` and one line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DENSE = "dense"

Need = Literal["nothing", "norms", "gram"]
Allocation = Literal["uniform", "global", "owl"]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to compress a Linear layer.

    Attributes
    ----------
    label
        The method's name for a reader.
    module
        Module below `illusion_lib.pruning` whose ``prune_layer(weight, inputs, spec)`` does the
        work.
    needs
        Activation statistics it reads: none, the input norms, or the Gram matrix.
    settings
        Fields of `PruneSpec` beyond sparsity and pattern that change its result.
    allocation
        How the sparsity is shared out among layers: the same for all, by one ranking of all
        weights, or by each block's share of outliers.
    sparsifies
        Whether it makes zeros; False for quantisation, which takes neither sparsity nor pattern.
    """

    label: str
    module: str
    needs: Need
    settings: tuple[str, ...] = ()
    allocation: Allocation = "uniform"
    sparsifies: bool = True

    @property
    def calibrated(self) -> bool:
        """Whether the method reads activations, so that calibration matters."""
        return self.needs != "nothing"


_SPARSEGPT = ("statistics", "block_size", "damping")

METHODS: dict[str, Method] = {
    DENSE: Method("dense", "dense", "nothing", sparsifies=False),
    "magnitude": Method("magnitude", "magnitude", "nothing"),
    "wanda": Method("Wanda", "wanda", "norms", ("statistics",)),
    "sparsegpt": Method("SparseGPT", "sparsegpt", "gram", _SPARSEGPT),
    "ria": Method("RIA", "ria", "norms", ("statistics",)),
    "random": Method("random", "random_control", "nothing"),
    "magnitude_row": Method("magnitude per row", "magnitude_row", "nothing"),
    "magnitude_global": Method("global magnitude", "magnitude", "nothing", allocation="global"),
    "wanda_owl": Method("Wanda + OWL", "wanda", "norms", ("statistics",), "owl"),
    "sparsegpt_owl": Method("SparseGPT + OWL", "sparsegpt", "gram", _SPARSEGPT, "owl"),
    "rtn_int8": Method("RTN int8", "rtn", "nothing", sparsifies=False),
    "rtn_int4": Method("RTN int4", "rtn", "nothing", sparsifies=False),
}
