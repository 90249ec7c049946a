"""Where the prunable matrices are: the decoder's blocks and their Linear weights, from the tree.

No architecture is known by name. Blocks are the outermost `ModuleList` whose every element holds
Linear weights; of several, the one with most of them. Embeddings, norms and the output head lie
outside the blocks or are no Linear, and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from illusion_lib.errors import PruneError


@dataclass(frozen=True, slots=True)
class Matrix:
    """One prunable weight matrix.

    Attributes
    ----------
    name
        Path of its parameter in the model, without ``.weight``; ``[e]`` names an expert.
    module, parameter
        Where the parameter lies.
    expert
        Its place in a fused parameter (experts, ., .); None for a plain Linear.
    transposed
        Whether it is stored as (in, out).
    """

    name: str
    module: nn.Module
    parameter: str
    expert: int | None = None
    transposed: bool = False

    def read(self) -> torch.Tensor:
        """Return a view of the weights, (out, in)."""
        weight: torch.Tensor = getattr(self.module, self.parameter).detach()
        if self.expert is not None:
            weight = weight[self.expert]
        return weight.T if self.transposed else weight

    def write(self, weight: torch.Tensor) -> None:
        """Set the weights in place from (out, in), cast to their own type."""
        self.read().copy_(weight)

    @property
    def rows(self) -> int:
        """Number of outputs."""
        return self.read().shape[0]

    @property
    def columns(self) -> int:
        """Number of inputs."""
        return self.read().shape[1]


@dataclass(frozen=True, slots=True)
class Block:
    """One decoder block with its prunable matrices, in the order of the module tree."""

    name: str
    module: nn.Module
    matrices: tuple[Matrix, ...]


def find_blocks(net: nn.Module) -> tuple[Block, ...]:
    """Return the decoder blocks of a model, first to last.

    Raises
    ------
    PruneError
        No list of blocks with Linear weights exists, or weights are stored in a form that cannot
        be pruned (quantised integers, offloaded, experts in an unknown layout).
    """
    candidates = list(_stacks(net, ""))
    if not candidates:
        raise PruneError(
            f"{type(net).__name__} has no list of blocks that hold Linear layers; "
            "only decoders built as a ModuleList of blocks can be pruned"
        )
    blocks = max(candidates, key=lambda stack: sum(_size(block) for block in stack))
    for block in blocks:
        for matrix in block.matrices:
            _check(matrix)
    return blocks


def _stacks(module: nn.Module, name: str) -> Iterator[tuple[Block, ...]]:
    """Yield the outermost ModuleLists below `module` whose every element holds a matrix."""
    for child_name, child in module.named_children():
        path = f"{name}.{child_name}" if name else child_name
        if isinstance(child, nn.ModuleList) and len(child):
            shared: set[int] = set()  # a matrix used by two blocks belongs to the first
            blocks = tuple(
                Block(f"{path}.{i}", block, tuple(_matrices(block, f"{path}.{i}", shared)))
                for i, block in enumerate(child)
            )
            if all(block.matrices for block in blocks):
                yield blocks
                continue
        yield from _stacks(child, path)


def _matrices(block: nn.Module, path: str, shared: set[int]) -> Iterator[Matrix]:
    routers = set(_routers(block))
    for name, module in block.named_modules():
        place = f"{path}.{name}" if name else path
        if isinstance(module, nn.Linear | Conv1D):
            if module not in routers and id(module.weight) not in shared:
                shared.add(id(module.weight))
                yield Matrix(place, module, "weight", transposed=isinstance(module, Conv1D))
        else:
            yield from _expert_matrices(module, place)


def _expert_matrices(module: nn.Module, path: str) -> Iterator[Matrix]:
    """Yield one matrix per expert of every fused (experts, ., .) parameter of a module."""
    experts = getattr(module, "num_experts", None)
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.ndim != 3 or parameter.shape[0] != experts:
            continue
        transposed = getattr(module, "is_transposed", None)
        if transposed is None:
            raise PruneError(
                f"{path}.{name}: experts of {type(module).__name__} are stored in a layout that "
                "transformers does not declare (is_transposed); this model cannot be pruned yet"
            )
        for i in range(experts):
            yield Matrix(f"{path}.{name}[{i}]", module, name, i, transposed)


def _routers(block: nn.Module) -> Iterator[nn.Module]:
    """Yield the Linear layers that send tokens to experts: a wrong turn there is no small error.

    A router is a Linear beside the experts with one output for each of them, or a single one (the
    gate of a shared expert).
    """
    for module in block.modules():
        children = list(module.children())
        counts = {len(c) for c in children if isinstance(c, nn.ModuleList)}
        counts |= {getattr(c, "num_experts", 0) for c in children} - {0}
        if counts:
            for child in children:
                if isinstance(child, nn.Linear) and child.out_features in {1, *counts}:
                    yield child


def _size(block: Block) -> int:
    return sum(matrix.rows * matrix.columns for matrix in block.matrices)


def _check(matrix: Matrix) -> None:
    weight = matrix.read()
    if not weight.is_floating_point():
        raise PruneError(
            f"layer {matrix.name} holds {weight.dtype} weights, which cannot be pruned; "
            "load a checkpoint in float32 or bfloat16"
        )
    if weight.is_meta:
        raise PruneError(
            f"layer {matrix.name} is offloaded; load the whole model on the CPU or on one device"
        )
