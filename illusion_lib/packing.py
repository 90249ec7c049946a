"""How are a few tokens computed fast on a processor? By weights that are laid out once.

On a processor, a product first lays out the weights as its kernel wants them; with a few rows, that
takes longer than the product itself. MKL can keep them laid out. It takes their memory once more,
so it is done where there is plenty, and for as long as they do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil  # type: ignore[import-untyped]  # it ships no types
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

_ROWS = 256  # that the layout is meant for; it serves any number, and smaller ones suit few kernels
_PLENTY = 4  # times what it takes: other processes may be about to do the same


@contextmanager
def packed_weights(net: nn.Module) -> Iterator[None]:
    """While entered, a network's layers read their weights as MKL wants them.

    Where that cannot be (another device or dtype, no MKL, little memory), nothing changes. Results
    differ by rounding alone.

    Parameters
    ----------
    net
        A network whose weights do not change meanwhile.
    """
    layers = list(_packable(net))
    size = sum(layer.weight.numel() * layer.weight.element_size() for layer in layers)
    with ExitStack() as stack:
        for layer in layers if _PLENTY * size < psutil.virtual_memory().available else ():
            vars(layer)["forward"] = _forward(layer)
            stack.callback(vars(layer).pop, "forward")
        yield


def _packable(net: nn.Module) -> Iterator[nn.Linear]:
    """Yield the plain layers on a processor that nobody else has given a forward method."""
    if not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]  # torch gives it no types
        return
    for module in net.modules():
        if type(module) is nn.Linear and "forward" not in vars(module):
            weight = module.weight
            if weight.device.type == "cpu" and weight.dtype == torch.float32:
                yield module


def _forward(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    weight, bias = layer.weight.detach(), layer.bias
    packed = torch.ops.mkl._mkl_reorder_linear_weight(weight, _ROWS)

    def forward(inputs: Tensor) -> Tensor:
        rows = inputs.numel() // inputs.shape[-1]
        if rows == 0:
            return linear(inputs, weight, bias)
        product: Tensor = torch.ops.mkl._mkl_linear(inputs, packed, weight, bias, rows)
        return product

    return forward
