"""How are products of matrices computed fast on a processor? By oneDNN.

For float32, torch asks another library, which leaves the widest units of many a processor idle, and
whose result for a row depends, by rounding, on how many rows are computed with it; oneDNN's do not.

Every product first lays out the weights as its kernel wants them; with a few rows, that takes
longer than the product itself. While a network's weights do not change they are laid out once. This
takes their memory once more, so it is done where there is plenty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil  # type: ignore[import-untyped]  # it ships no types
import torch
from torch import Tensor, nn

_ROWS = 256  # that the layout is meant for; it serves any number, and smaller ones suit few kernels
_SUMMED_AT_ONCE = (
    384  # float32 terms: a longer chain of sums rounds more than others' sums of sums do
)
_PLENTY = 4  # times what it takes: other processes may be about to do the same


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left @ right.T``.

    Parameters
    ----------
    left, right
        (m, k) and (n, k), of one device and dtype.
    """
    return _product(left, right.contiguous(), None) if _suited(left) else left @ right.T


@contextmanager
def packed_weights(net: nn.Module) -> Iterator[None]:
    """While entered, a network's layers read their weights as oneDNN wants them.

    Where that cannot be (another device or dtype, no oneDNN), nothing changes; where memory is
    short, weights are laid out for each product. Results differ by rounding alone.

    Parameters
    ----------
    net
        A network whose weights do not change meanwhile.
    """
    layers = _layers(net)
    size = sum(layer.weight.numel() * layer.weight.element_size() for layer in layers)
    plenty = _PLENTY * size < psutil.virtual_memory().available
    with _forwards({x: _forward_packed(x) if plenty else _forward(x) for x in layers}):
        yield


@contextmanager
def live_weights(net: nn.Module) -> Iterator[None]:
    """While entered, a network's layers compute with oneDNN, and what changes weights is seen.

    Parameters
    ----------
    net
        A network that stays where it is.
    """
    with _forwards({layer: _forward(layer) for layer in _layers(net)}):
        yield


def _suited(weight: Tensor) -> bool:
    """Return whether oneDNN multiplies such matrices here."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch gives it no types
        return False
    if weight.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype == torch.float32


def _layers(net: nn.Module) -> list[nn.Linear]:
    """Return the plain layers that nobody else has given a forward method."""
    plain = (x for x in net.modules() if type(x) is nn.Linear and "forward" not in vars(x))
    return [layer for layer in plain if _suited(layer.weight)]


def _forward(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    def forward(inputs: Tensor) -> Tensor:
        return _product(inputs, layer.weight.contiguous(), layer.bias)

    return forward


def _forward_packed(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    width = _summed_at_once(layer.weight)
    first, *others = (_packed(part) for part in torch.split(layer.weight.detach(), width, dim=1))

    def forward(inputs: Tensor) -> Tensor:
        start, *rest = torch.split(inputs, width, dim=-1)
        total = _product(start, first, layer.bias)
        for part, weight in zip(rest, others, strict=True):
            total += _product(part, weight, None)
        return total

    return forward


def _summed_at_once(weight: Tensor) -> int:
    """Return how many columns to multiply in one go; in bfloat16 all: a sum between would round."""
    terms: int = weight.shape[1]
    parts = math.ceil(terms / _SUMMED_AT_ONCE) if weight.dtype == torch.float32 else 1
    return math.ceil(terms / parts)


def _packed(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
    return packed


def _product(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    # Matrices whose rows lie apart would be multiplied by its slow reference.
    result: Tensor = torch.ops.mkldnn._linear_pointwise(
        left.contiguous(), right, bias, "none", [], ""
    )
    return result


@contextmanager
def _forwards(forwards: dict[nn.Linear, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """While entered, the layers have other forward methods."""
    with ExitStack() as stack:
        for layer, forward in forwards.items():
            vars(layer)["forward"] = forward
            stack.callback(vars(layer).pop, "forward")
        yield
