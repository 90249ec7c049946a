"""Products by oneDNN: the same values, nothing left behind, nothing taken over."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig

from illusion_lib import products
from illusion_lib.products import live_weights, packed_weights

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN"
)
BOTH = pytest.mark.parametrize("kind", [packed_weights, live_weights])


@needs_onednn
@BOTH
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 70), st.integers(1, 40), st.integers(1, 40), st.booleans(), st.booleans())
def test_a_product_is_that_of_float64(kind, rows, inputs, outputs, bias, strided):
    generator = torch.Generator().manual_seed(rows + 71 * inputs)
    layer = nn.Linear(inputs, outputs, bias=bias).requires_grad_(False)
    x = torch.randn(1, 2 * rows if strided else rows, inputs, generator=generator)
    x = x[:, ::2] if strided else x
    right = x.double() @ layer.weight.double().T + (layer.bias.double() if bias else 0)
    with torch.inference_mode(), kind(layer):
        assert "forward" in vars(layer)
        torch.testing.assert_close(layer(x).double(), right, rtol=1e-5, atol=1e-5)


@needs_onednn
@BOTH
@pytest.mark.parametrize("inputs", [384, 385, 769, 1536])
def test_long_sums_are_added_up_whole(kind, inputs):
    layer = nn.Linear(inputs, 5).requires_grad_(False)
    x = torch.randn(2, 3, inputs)
    right = x.double() @ layer.weight.double().T + layer.bias.double()
    with torch.inference_mode(), kind(layer):
        torch.testing.assert_close(layer(x).double(), right, rtol=1e-5, atol=1e-5)


@needs_onednn
@BOTH
def test_bfloat16_is_as_exact_as_torch(kind):
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bfloat16 products")
    layer = nn.Linear(96, 40, dtype=torch.bfloat16).requires_grad_(False)
    x = torch.randn(7, 96, dtype=torch.bfloat16)
    right = x.double() @ layer.weight.double().T + layer.bias.double()
    with torch.inference_mode(), kind(layer):
        assert "forward" in vars(layer)
        torch.testing.assert_close(layer(x).double(), right, rtol=1e-2, atol=1e-2)


@needs_onednn
@BOTH
def test_a_row_does_not_depend_on_the_rows_beside_it(kind):
    layer = nn.Linear(300, 70).requires_grad_(False)
    x = torch.randn(200, 300)
    with torch.inference_mode(), kind(layer):
        together = layer(x)
        for rows in (1, 2, 7, 64):
            torch.testing.assert_close(layer(x[:rows]), together[:rows], rtol=1e-6, atol=1e-6)


@needs_onednn
def test_live_weights_are_seen_as_they_change():
    layer = nn.Linear(4, 3, bias=False).requires_grad_(False)
    x = torch.ones(2, 4)
    with live_weights(layer):
        assert layer(x).any()
        layer.weight.zero_()
        assert not layer(x).any()
        layer.weight = nn.Parameter(torch.ones(3, 4), requires_grad=False)
        assert (layer(x) == 4).all()


@needs_onednn
def test_what_changes_after_leaving_is_seen():
    layer = nn.Linear(4, 3, bias=False).requires_grad_(False)
    x = torch.ones(2, 4)
    with packed_weights(layer):
        before = layer(x)
    layer.weight.zero_()
    assert "forward" not in vars(layer)
    assert before.any()
    assert not layer(x).any()
    with packed_weights(layer):
        assert not layer(x).any()


@needs_onednn
@BOTH
def test_a_failure_leaves_the_layer_as_it_was(kind):
    layer = nn.Linear(4, 3)
    with pytest.raises(KeyError), kind(layer):
        raise KeyError
    assert "forward" not in vars(layer)


@needs_onednn
def test_contexts_within_one_another_leave_each_its_own():
    layer = nn.Linear(4, 3).requires_grad_(False)
    with live_weights(layer):
        outer = vars(layer)["forward"]
        with packed_weights(layer):
            assert vars(layer)["forward"] is outer
        assert vars(layer)["forward"] is outer
    assert "forward" not in vars(layer)


@BOTH
def test_a_network_answers_alike(kind):
    config = LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    net = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.tensor([[5, 3, 8, 2, 9]])
    with torch.no_grad():
        plain = net(input_ids=ids).logits
        with kind(net):
            other = net(input_ids=ids).logits
    torch.testing.assert_close(plain, other, rtol=1e-5, atol=1e-5)


def test_matrices_are_multiplied_wherever_their_rows_lie():
    both = torch.randn(9, 12)
    for dtype in (torch.float32, torch.float64):
        left, right = both.to(dtype)[:4, 1:8], both.to(dtype)[2:, 3:10]
        torch.testing.assert_close(products.product(left, right), left @ right.T)
        turned = products.product(left.T, both.to(dtype)[:, :4].contiguous())
        torch.testing.assert_close(turned, left.T @ both.to(dtype)[:, :4].T)


@BOTH
def test_other_dtypes_are_left_alone(kind):
    layer = nn.Linear(4, 3, dtype=torch.float64)
    with kind(layer):
        assert "forward" not in vars(layer)


@BOTH
def test_somebody_elses_forward_is_left_alone(kind):
    layer = nn.Linear(4, 3)
    layer.forward = lambda x: x
    with kind(layer):
        assert layer("kept") == "kept"
    assert layer("kept") == "kept"


@needs_onednn
@pytest.mark.parametrize(("free", "times"), [(4 * 48, 0), (4 * 48 + 1, 1)])
def test_weights_are_held_twice_only_where_memory_is_plenty(monkeypatch, free, times):
    layer = nn.Linear(4, 3, bias=False).requires_grad_(False)  # 48 bytes
    packed, laid_out = [], products._packed
    monkeypatch.setattr(products, "_packed", lambda weight: packed.append(1) or laid_out(weight))
    monkeypatch.setattr(products.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    with torch.inference_mode(), packed_weights(layer):
        torch.testing.assert_close(layer(torch.eye(4)), layer.weight.T.contiguous())
    assert len(packed) == times
