from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from illusion_lib.errors import PruneError
from illusion_lib.pruning import collect, gathering
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.gathering import inputs_of
from illusion_lib.pruning.replay import open_streams
from illusion_lib.pruning.statistics import Collector, InputStatistics


def test_sums_equal_float64(llama, tokens):
    inputs: dict[str, torch.Tensor] = {}
    matrices = [m for block in find_blocks(llama.net) for m in block.matrices]
    hooks = [
        m.module.register_forward_pre_hook(
            lambda mod, args, name=m.name: inputs.update({name: args[0].flatten(0, 1).double()})
        )
        for m in matrices
    ]
    statistics = collect(llama, tokens)
    for hook in hooks:
        hook.remove()
    assert statistics.tokens == tokens.numel()
    for matrix in matrices:
        x, got = inputs[matrix.name], statistics.inputs[matrix.name]
        assert got.tokens == len(x)
        torch.testing.assert_close(got.squared_norms, x.square().sum(0), rtol=1e-6, atol=0)
        torch.testing.assert_close(got.gram.triu().double(), (x.T @ x).triu(), rtol=1e-5, atol=1e-4)


def test_layers_share_the_statistics_of_a_shared_input(llama, tokens):
    inputs = collect(llama, tokens).inputs
    distinct = {id(value) for name, value in inputs.items() if ".layers.0." in name}
    layer = "model.layers.0."
    attention = {id(inputs[f"{layer}self_attn.{p}_proj"]) for p in "qkv"}
    mlp = {id(inputs[f"{layer}mlp.{p}_proj"]) for p in ("gate", "up")}
    assert len(attention) == len(mlp) == 1
    assert len(distinct) == 4


@given(seed=st.integers(0, 2**31 - 1), parts=st.integers(1, 9))
@settings(deadline=None, max_examples=20)
def test_splitting_a_batch_changes_nothing(seed, parts):
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(seed))
    whole, split = (InputStatistics.empty(6, "both", x.device) for _ in range(2))
    whole.add(x)
    for part in x.chunk(parts):
        split.add(part)
    assert whole.tokens == split.tokens
    torch.testing.assert_close(whole.squared_norms, split.squared_norms, rtol=1e-6, atol=0)
    torch.testing.assert_close(whole.gram, split.gram, rtol=1e-5, atol=1e-4)


def test_norms_are_added_up_once_more_only_where_asked_for():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    norms, gram, both = (InputStatistics.empty(6, n, x.device) for n in ("norms", "gram", "both"))
    for kind in (norms, gram, both):
        kind.add(x)
    assert norms.gram is None
    assert gram.squares is None
    assert torch.equal(gram.gram, both.gram)
    assert torch.equal(norms.squared_norms, both.squared_norms)
    torch.testing.assert_close(gram.squared_norms, norms.squared_norms, rtol=1e-6, atol=0)


@pytest.mark.parametrize("batch_tokens", [16, 32, 64])
def test_batches_of_the_engine_change_nothing(llama, tokens, monkeypatch, batch_tokens):
    whole = collect(llama, tokens).inputs
    monkeypatch.setitem(gathering._BATCH_TOKENS, "cpu", batch_tokens)
    split = collect(llama, tokens).inputs
    for name, value in whole.items():
        assert split[name].tokens == value.tokens
        torch.testing.assert_close(split[name].gram, value.gram, rtol=1e-4, atol=1e-4)


def test_a_pass_ends_at_its_last_input_but_for_the_first(llama, tokens):
    """The last product of a block is looked at by nobody; the statistics are the same."""
    blocks, batches = find_blocks(llama.net), tokens.split(2)
    block = blocks[0]
    streams = open_streams(llama.net, blocks, batches)
    with torch.no_grad(), Collector(block.matrices, "gram") as whole:
        for stream in streams:
            stream.run(0, block.module)
    finished = []
    hook = block.module.mlp.down_proj.register_forward_hook(lambda *_: finished.append(1))
    with torch.no_grad():
        got = inputs_of(block, 0, streams, "gram")
    hook.remove()
    assert len(batches) == 3
    assert len(finished) == 1
    for name, value in whole.inputs.items():
        assert got[name].tokens == value.tokens == tokens.numel()
        assert torch.equal(got[name].gram, value.gram)


@torch.no_grad()
def test_a_layer_that_runs_twice_is_counted_twice():
    block, matrices = fickle()
    with Collector(matrices, "norms") as collector:
        for _ in range(3):
            with collector.until_last_input():
                block.b(block.a(block.a(torch.ones(1, 4))))
    assert collector.inputs["layers.0.a"].tokens == 6
    assert collector.inputs["layers.0.b"].tokens == 3


class Fickle(nn.Module):
    """Two layers that share their input only in the first pass."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.passes = nn.Linear(4, 4), nn.Linear(4, 4), 0

    def forward(self, x):
        self.passes += 1
        return self.a(x) + self.b(x if self.passes == 1 else x.clone())


def fickle():
    net = nn.Module()
    net.layers = nn.ModuleList([Fickle()])
    return net.layers[0], find_blocks(net)[0].matrices


@torch.no_grad()
def test_inputs_shared_only_sometimes_are_refused_not_mixed_up():
    block, matrices = fickle()
    with Collector(matrices, "gram"):
        block(torch.randn(3, 4))
        with pytest.raises(PruneError, match="one input in one batch"):
            block(torch.randn(3, 4))


@torch.no_grad()
def test_an_input_changed_in_place_is_another_input():
    block, matrices = fickle()
    x = torch.ones(3, 4)
    with Collector(matrices, "norms") as collector:
        block.a(x)
        x.mul_(2)
        block.b(x)
    assert collector.inputs["layers.0.a"].squared_norms.tolist() == [3.0] * 4
    assert collector.inputs["layers.0.b"].squared_norms.tolist() == [12.0] * 4


@torch.no_grad()
def test_a_layer_that_never_ran_has_no_tokens():
    block, matrices = fickle()
    with Collector(matrices, "gram") as collector:
        block.a(torch.ones(3, 4))
    assert collector.inputs["layers.0.b"].tokens == 0
