"""Run a decoder block by block, each with the very arguments that the model itself passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import send_to_device  # type: ignore[import-untyped]  # it ships no types
from torch import nn

from illusion_lib.errors import PruneError
from illusion_lib.pruning.blocks import Block


class _LastBlockDone(Exception):
    """Stops a forward pass where nothing that follows is needed."""


@dataclass(slots=True)
class Stream:
    """A batch on its way through the blocks.

    Attributes
    ----------
    hidden
        Input of the next block, (samples, length, width).
    calls
        Per block, the other positional and the keyword arguments that the model passed: masks,
        position embeddings, cache flags. They can differ from block to block.
    """

    hidden: torch.Tensor
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]]

    def run(self, index: int, block: nn.Module) -> torch.Tensor:
        """Return the output of block `index`, on the device of `hidden`.

        The block may have been moved to another device: its inputs follow it there, and its output
        comes back.
        """
        device = next(block.parameters()).device
        hidden = self.hidden.to(device)
        args, kwargs = send_to_device(self.calls[index], device)
        return _hidden(block(hidden, *args, **kwargs)).to(self.hidden.device)


def open_streams(
    net: nn.Module, blocks: Sequence[Block], batches: Sequence[torch.Tensor]
) -> list[Stream]:
    """Return, for each batch, the input of the first block and the arguments of every block.

    No block computes, but for the first on the first two tokens, which shows what a block returns.
    The model must take the hidden states from one block to the next untouched, which is checked.

    Parameters
    ----------
    net
        A causal language model.
    blocks
        Its decoder blocks.
    batches
        int64, (samples, length) each, on the model's device.

    Raises
    ------
    PruneError
        The model skips or repeats a block, or changes the hidden states between two.
    """
    taste = _Recorder(blocks, None)
    taste.record(net, batches[0][:1, :2])
    return [_Recorder(blocks, taste.output).record(net, batch) for batch in batches]


class _Recorder:
    """Stands in for the forward method of every block during one pass.

    Attributes
    ----------
    output
        What a block returns, a tensor or a tuple that begins with one; None: ask the first block.
    """

    def __init__(self, blocks: Sequence[Block], output: Any) -> None:
        self.blocks = blocks
        self.output = output
        self._hidden: torch.Tensor | None = None
        self._calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def record(self, net: nn.Module, tokens: torch.Tensor) -> Stream:
        """Run the model on tokens (samples, length) and return what its blocks were given."""
        with ExitStack() as stack:
            for index, block in enumerate(self.blocks):
                stack.enter_context(_forward_replaced(block.module, self._forward(index)))
            _run(net, tokens)
        if len(self._calls) < len(self.blocks):
            raise PruneError(
                f"a text-only pass ran {len(self._calls)} of {len(self.blocks)} blocks "
                f"({self.blocks[0].name} ...); this decoder cannot be pruned block by block"
            )
        assert self._hidden is not None
        return Stream(self._hidden, self._calls)

    def _forward(self, index: int) -> Callable[..., Any]:
        original = self.blocks[index].module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            hidden, args, kwargs = _split(args, kwargs)
            self._check(index, hidden)
            self._calls.append((args, kwargs))
            if index == 0:
                self._hidden = hidden
                if self.output is None:
                    self.output = original(hidden, *args, **kwargs)
                else:
                    self.output = _with_hidden(self.output, hidden)
            if index == len(self.blocks) - 1:
                raise _LastBlockDone
            return self.output

        return forward

    def _check(self, index: int, hidden: torch.Tensor) -> None:
        if index != len(self._calls):
            raise PruneError(
                f"the model runs {self.blocks[index].name} out of turn; blocks that are repeated "
                "or skipped cannot be pruned one after the other: use statistics='one_pass'"
            )
        if index and hidden is not _hidden(self.output):
            raise PruneError(
                f"the model changes the hidden states before {self.blocks[index].name}; its blocks "
                "cannot be pruned one after the other: use statistics='one_pass'"
            )


@contextmanager
def _forward_replaced(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Replace a module's forward on the instance, where accelerate keeps its own as well."""
    own = module.__dict__.get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


def run_through(net: nn.Module, last: Block, tokens: torch.Tensor) -> None:
    """Run a model on tokens (samples, length) up to the end of its last block."""

    def stop(*_: Any) -> None:
        raise _LastBlockDone

    hook = last.module.register_forward_hook(stop)
    try:
        _run(net, tokens)
    finally:
        hook.remove()


def _run(net: nn.Module, tokens: torch.Tensor) -> None:
    with suppress(_LastBlockDone):
        net(input_ids=tokens, use_cache=False)


def _split(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[torch.Tensor, tuple[Any, ...], dict[str, Any]]:
    """Take the hidden states out of a block's arguments."""
    if args:
        return args[0], args[1:], kwargs
    rest = dict(kwargs)
    return rest.pop("hidden_states"), (), rest


def _hidden(output: Any) -> torch.Tensor:
    """Return the hidden states of a block's output: a tensor, or the first of a tuple."""
    hidden: torch.Tensor = output[0] if isinstance(output, tuple | list) else output
    return hidden


def _with_hidden(output: Any, hidden: torch.Tensor) -> Any:
    """Return `output` with other hidden states in their place."""
    return (hidden, *output[1:]) if isinstance(output, tuple | list) else hidden


@contextmanager
def plain_experts(blocks: Sequence[Block]) -> Iterator[None]:
    """Have fused experts multiplied one by one, so that each one's inputs can be seen."""
    configs: dict[int, Any] = {
        id(m.module.config): m.module.config
        for block in blocks
        for m in block.matrices
        if m.expert is not None
    }
    before = {key: config._experts_implementation for key, config in configs.items()}
    for config in configs.values():
        config._experts_implementation = "eager"
    try:
        yield
    finally:
        for key, config in configs.items():
            config._experts_implementation = before[key]
