"""How the statistics of the layers' inputs are gathered: through the model, or block by block."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from illusion_lib.allocator import keep_freed_memory
from illusion_lib.models import Model
from illusion_lib.products import live_weights
from illusion_lib.pruning import replay
from illusion_lib.pruning.blocks import Block, find_blocks
from illusion_lib.pruning.checks import checked_tokens
from illusion_lib.pruning.statistics import (
    Collected,
    Collector,
    InputStatistics,
    Statistics,
    on_device,
)
from illusion_lib.pruning.streaming import moved

# Smaller batches use the machine badly; on a CPU larger ones are no faster and take memory.
_BATCH_TOKENS = {"cpu": 1024, "cuda": 8192}


@torch.no_grad()
def collect(model: Model, tokens: torch.Tensor, need: Collected = "both") -> Statistics:
    """Return the one-pass statistics of a dense model, good for every method and sparsity.

    Parameters
    ----------
    model
        Not changed.
    tokens
        Token ids (samples, length).
    need
        ``norms`` is enough for Wanda, ``gram`` for SparseGPT, and takes more time and memory;
        ``both`` serves every method.
    """
    keep_freed_memory()
    tokens = checked_tokens(model, tokens)
    with live_weights(model.net):
        inputs = gather(model, find_blocks(model.net), tokens, need)
    return Statistics(inputs, need, tokens.numel())


def gather(
    model: Model,
    blocks: Sequence[Block],
    tokens: torch.Tensor,
    need: Collected,
    device: torch.device | None = None,
) -> dict[str, InputStatistics]:
    """Return the statistics of a dense model by matrix; with a device, block by block there."""
    if device is not None:
        return _collect_streamed(model, blocks, tokens, need, device)
    matrices = [matrix for block in blocks for matrix in block.matrices]
    with replay.plain_experts(blocks), Collector(matrices, need) as collector:
        for batch in batches(tokens):
            replay.run_through(model.net, blocks[-1], batch)
    return collector.inputs


def _collect_streamed(
    model: Model,
    blocks: Sequence[Block],
    tokens: torch.Tensor,
    need: Collected,
    device: torch.device,
) -> dict[str, InputStatistics]:
    """Gather the statistics block by block; they are kept where the model lies."""
    inputs: dict[str, InputStatistics] = {}
    with replay.plain_experts(blocks):
        streams = replay.open_streams(model.net, blocks, batches(tokens))
        for index, block in enumerate(blocks):
            with moved(block.module, device), Collector(block.matrices, need) as collector:
                for stream in streams:
                    stream.hidden = stream.run(index, block.module)
            inputs |= on_device(collector.inputs, tokens.device)
    return inputs


def inputs_of(
    block: Block, index: int, streams: Sequence[replay.Stream], need: Collected
) -> dict[str, InputStatistics]:
    """Return the statistics of one block's inputs; the streams stay before it."""
    with Collector(block.matrices, need) as collector:
        for stream in streams:
            with collector.until_last_input():
                stream.run(index, block.module)
    return collector.inputs


def batches(tokens: torch.Tensor) -> Sequence[torch.Tensor]:
    """Return calibration windows in batches that suit their device."""
    size = _BATCH_TOKENS.get(tokens.device.type, 1024)
    return torch.split(tokens, max(1, size // tokens.shape[1]))
