"""Weights that are laid out once: the same products, nothing left behind, nothing taken over."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig

from illusion_lib.packing import packed_weights

needs_mkl = pytest.mark.skipif(
    not torch.backends.mkl.is_available(), reason="this torch has no MKL"
)


@needs_mkl
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 70), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_a_packed_layer_gives_the_product_in_float64(rows, inputs, outputs, bias):
    generator = torch.Generator().manual_seed(rows + 71 * inputs)
    layer = nn.Linear(inputs, outputs, bias=bias).requires_grad_(False)
    x = torch.randn(1, rows, inputs, generator=generator)
    right = x.double() @ layer.weight.double().T + (layer.bias.double() if bias else 0)
    with torch.inference_mode(), packed_weights(layer):
        assert "forward" in vars(layer)
        torch.testing.assert_close(layer(x).double(), right, rtol=1e-5, atol=1e-5)


@needs_mkl
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


@needs_mkl
def test_a_failure_leaves_the_layer_as_it_was():
    layer = nn.Linear(4, 3)
    with pytest.raises(KeyError), packed_weights(layer):
        raise KeyError
    assert "forward" not in vars(layer)


def test_a_network_answers_alike():
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
        with packed_weights(net):
            packed = net(input_ids=ids).logits
    torch.testing.assert_close(plain, packed, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes_are_left_alone(dtype):
    layer = nn.Linear(4, 3, dtype=dtype)
    with packed_weights(layer):
        assert "forward" not in vars(layer)


def test_somebody_elses_forward_is_left_alone():
    layer = nn.Linear(4, 3)
    layer.forward = lambda x: x
    with packed_weights(layer):
        assert layer("kept") == "kept"
    assert layer("kept") == "kept"


def test_weights_are_not_held_twice_where_memory_is_short(monkeypatch):
    layer = nn.Linear(4, 3, bias=False)  # 48 bytes
    left = SimpleNamespace(available=4 * 48)
    monkeypatch.setattr("illusion_lib.packing.psutil.virtual_memory", lambda: left)
    with packed_weights(layer):
        assert "forward" not in vars(layer)
