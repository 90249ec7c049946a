"""Run a decoder block by block, each with the very arguments that the model itself passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
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
        """Return the output of block `index` for the current hidden states."""
        args, kwargs = self.calls[index]
        return _hidden(block(self.hidden, *args, **kwargs))


def open_stream(net: nn.Module, blocks: Sequence[Block], tokens: torch.Tensor) -> Stream:
    """Return the input of the first block and the arguments of every block.

    Only the first block computes. The others hand their input on, so that the pass costs little,
    and the model must take it from one block to the next untouched, which is checked.

    Parameters
    ----------
    net
        A causal language model.
    blocks
        Its decoder blocks.
    tokens
        int64, (samples, length), on the model's device.

    Raises
    ------
    PruneError
        The model skips or repeats a block, or changes the hidden states between two.
    """
    recorder = _Recorder(blocks)
    with recorder.installed():
        _run(net, tokens)
    if len(recorder.calls) < len(blocks):
        raise PruneError(
            f"a text-only pass ran {len(recorder.calls)} of {len(blocks)} blocks "
            f"({blocks[0].name} ...); this decoder cannot be pruned block by block"
        )
    assert recorder.hidden is not None
    return Stream(recorder.hidden, recorder.calls)


class _Recorder:
    """Stands in for the forward method of every block during one pass."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.hidden: torch.Tensor | None = None
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self._output: Any = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as stack:
            for index, block in enumerate(self.blocks):
                stack.enter_context(_forward_replaced(block.module, self._forward(index)))
            yield

    def _forward(self, index: int) -> Callable[..., Any]:
        original = self.blocks[index].module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            hidden, args, kwargs = _split(args, kwargs)
            self._check(index, hidden)
            self.calls.append((args, kwargs))
            if index == 0:
                self.hidden = hidden
                self._output = original(hidden, *args, **kwargs)
            if index == len(self.blocks) - 1:
                raise _LastBlockDone
            return self._output

        return forward

    def _check(self, index: int, hidden: torch.Tensor) -> None:
        if index != len(self.calls):
            raise PruneError(
                f"the model runs {self.blocks[index].name} out of turn; blocks that are repeated "
                "or skipped cannot be pruned one after the other: use statistics='one_pass'"
            )
        if index and hidden is not _hidden(self._output):
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
