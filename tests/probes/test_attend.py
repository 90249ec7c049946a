"""Attention over a store is plain attention, whichever kernel computes it."""

from __future__ import annotations

import pytest
import torch

from illusion_lib.probes import attend
from illusion_lib.probes.attend import Block, Where, find_spans, weigh
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.store import Store


@pytest.mark.parametrize("columns", [3, 20])  # fewer and more than are computed as one block
@pytest.mark.parametrize("scaling", [None, 0.3])
@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("grouped", [True, False])
def test_equals_a_loop_over_heads(columns, scaling, softcap, grouped):
    torch.manual_seed(0)
    asked = torch.randn(2, 6, columns, 8)
    keys, values = torch.randn(2, 2, 2, 5, 8)
    hidden = torch.rand(2, 1, columns, 5) < 0.3
    hidden[..., 0] = False
    mask = torch.zeros(hidden.shape).masked_fill(hidden, torch.finfo(torch.float32).min)
    found = weigh(asked, keys, values, mask, scaling, softcap, grouped)
    for row in range(2):
        for head in range(6):
            scores = asked[row, head] @ keys[row, head // 3].T * (scaling or 8**-0.5)
            if softcap is not None:
                scores = softcap * torch.tanh(scores / softcap)
            shares = scores.masked_fill(hidden[row, 0], -torch.inf).softmax(-1)
            right = shares @ values[row, head // 3]
            assert torch.allclose(found[row, head], right, atol=1e-5)


def test_capped_scores_of_a_real_architecture_are_packed(net_of):
    """Gemma 2 caps its scores; with a window this wide it is packed, and equals plain forward."""
    net = net_of("gemma2")
    net.config.sliding_window = 512
    assert net.config.attn_logit_softcapping is not None
    prompts, options = [[5, 6, 7, 8, 9], [5, 6, 7]], [[40, 41, 42], [43]]
    engine = Engine.of(net, "packed")
    prefix = engine.prefill(prompts)
    assert isinstance(prefix.cache, Store)
    for prompt, option, one in zip(
        prompts, options, engine.score(prefix, [0, 1], options), strict=True
    ):
        logits = net(input_ids=torch.tensor([prompt + option])).logits[0, len(prompt) - 1 : -1]
        right = logits.log_softmax(-1)[range(len(option)), option].tolist()
        assert one.log_probs == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_computing_few_columns_at_once_changes_nothing(net_of, monkeypatch, architecture):
    """Long prompts are attended to span by span, each span seeing no more than it must."""
    net = net_of(architecture)
    prompts = [list(range(3, 150)), list(range(90, 20, -1)), [7]]
    tails = [[[60, 61, 62], [63]], [[60, 61], [99, 98, 97]], [[5, 6]]]
    rows = [row for row, some in enumerate(tails) for _ in some]
    flat = [ids for some in tails for ids in some]
    found = []
    for columns in (1 << 15, 64, 7):
        monkeypatch.setattr(attend, "_AT_ONCE", {True: columns})
        engine = Engine.of(net, "packed")
        scored = engine.score(engine.prefill(prompts), rows, flat)
        found.append([value for one in scored for value in one.log_probs])
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[2] == pytest.approx(found[0], abs=1e-5)


def test_branches_in_any_order_may_be_computed_a_few_at_once(net_of, monkeypatch):
    """Tokens that do not lie row by row are laid out in columns, however many there are."""
    engine = Engine.of(net_of("llama"), "packed")
    found = []
    for columns in (64, 1):
        monkeypatch.setattr(attend, "_AT_ONCE", {True: columns})
        branches = engine.branch(engine.prefill([[5, 6, 7], [8, 9]]))
        with torch.inference_mode():
            branches.advance(torch.tensor([1, 0, 0, 1, 0]), torch.arange(40, 45))
            branches.advance(torch.tensor([4, 0, 3, 1]), torch.arange(50, 54))
        assert branches.rows.tolist() == [0, 1, 1, 0]
        found.append(branches.hidden)
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=0)


def test_spans_reach_no_further_than_they_see():
    visible = torch.zeros(2, 5, 9, dtype=torch.bool)
    visible[0, :, 0] = visible[1, 1, 3] = visible[0, 4, 8] = True
    assert find_spans(visible, 2) == ((0, 2, 4), (2, 4, 1), (4, 5, 9))


def test_a_layer_on_another_device_gets_all_it_needs_there():
    index = torch.tensor([0, 0])
    blocks = (Block(slice(None), slice(0, 2), slice(0, 2), 4),)
    where = Where(Store(1, 4), 0, index, index, index, torch.zeros(1, 1, 2, 4), blocks, False)
    assert where.on(torch.device("cpu")) is where
    moved = where.on(torch.device("meta"))
    assert moved.store is where.store
    assert moved.blocks == blocks
    assert {t.device.type for t in (moved.rows, moved.columns, moved.slots, moved.mask)} == {"meta"}
