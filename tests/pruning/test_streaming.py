"""Blocks on another device, one at a time. The other device is played by the CPU itself."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

from illusion_lib.pruning import collect, engine, gathering, prune
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.registry import METHODS
from illusion_lib.pruning.statistics import InputStatistics, on_device
from illusion_lib.pruning.streaming import moved
from illusion_lib.specs import PruneSpec


@pytest.fixture
def visits(monkeypatch):
    """Replace the move by a note of who is away; a block must be away to run or be pruned."""
    away, log = [], []

    @contextmanager
    def noted(module, device):
        if device is None:
            yield
            return
        away.append(module)
        log.append(module)
        assert len(away) == 1, "two blocks on the device at once"
        hook = module.register_forward_pre_hook(lambda m, args: None if away == [m] else 1 / 0)
        yield
        hook.remove()
        away.pop()

    monkeypatch.setattr(engine, "moved", noted)
    monkeypatch.setattr(gathering, "moved", noted)
    return log


CALIBRATED = [name for name, method in METHODS.items() if method.calibrated]


@pytest.mark.parametrize("statistics", ["sequential", "one_pass"])
@pytest.mark.parametrize("method", ["magnitude", "rtn_int8", *CALIBRATED])
def test_streamed_equals_unstreamed(make_llama, tokens, visits, method, statistics):
    sparsity = 0.5 if METHODS[method].sparsifies else 0.0
    spec = PruneSpec(method, sparsity, statistics=statistics)
    here, there = make_llama(num_hidden_layers=3), make_llama(num_hidden_layers=3)
    wanted = prune(here, spec, tokens, device="cpu")
    blocks = [block.module for block in find_blocks(here.net)]
    assert [block for block in blocks if block in visits] == blocks
    gathering_pass = METHODS[method].allocation == "owl" or statistics == "one_pass"
    passes = 2 if METHODS[method].calibrated and gathering_pass else 1
    assert visits == blocks * passes
    got = prune(there, spec, tokens)
    assert wanted == got
    for a, b in zip(here.net.parameters(), there.net.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_block_goes_and_comes_back_even_after_an_error(llama, monkeypatch):
    asked = []
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, where: asked.append((self, str(where))))
    block = llama.net.model.layers[0]

    def fail():
        with moved(block, torch.device("meta")):
            assert asked == [(block, "meta")]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert asked == [(block, "meta"), (block, "cpu")]
    with moved(block, None), moved(block, torch.device("cpu")):
        assert len(asked) == 2


def test_statistics_move_and_stay_shared(llama, tokens):
    inputs = dict(collect(llama, tokens).inputs)
    there = on_device(inputs, torch.device("meta"))
    assert {v.gram.device.type for v in there.values()} == {"meta"}
    assert len({id(v) for v in there.values()}) == len({id(v) for v in inputs.values()})
    assert on_device(inputs, torch.device("cpu")) == inputs
    norms = InputStatistics.empty(4, "norms", torch.device("cpu"))
    assert on_device({"a": norms}, torch.device("meta"))["a"].gram is None
