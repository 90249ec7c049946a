"""A GGUF file made on the spot is the network it was made from; a broken one is refused."""

from __future__ import annotations

import copy
import json
import random

import gguf
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    modeling_gguf_pytorch_utils,
)

from illusion_lib.checkpoints import CACHE_VARIABLE
from illusion_lib.errors import ModelError
from illusion_lib.items import load_items
from illusion_lib.models import Model, load_model
from illusion_lib.probes import run_ladder
from illusion_lib.specs import ModelSpec, ProbeSpec

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
}
Q8, F32 = gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.F32


def interleaved(weight, heads):
    """Rows of queries and keys in the order of the format: the halves of each head in turn."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path, net, tokenizer, kind):
    """Write a llama network as a GGUF file, its matrices as `kind`."""
    config, file = net.config, gguf.GGUFWriter(path, "llama")
    file.add_context_length(config.max_position_embeddings)
    file.add_embedding_length(config.hidden_size)
    file.add_block_count(config.num_hidden_layers)
    file.add_feed_forward_length(config.intermediate_size)
    file.add_head_count(config.num_attention_heads)
    file.add_head_count_kv(config.num_key_value_heads)
    file.add_layer_norm_rms_eps(config.rms_norm_eps)
    file.add_rope_freq_base(config.rope_parameters["rope_theta"])
    file.add_vocab_size(config.vocab_size)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    file.add_tokenizer_model("gpt2")
    file.add_token_list(tokens)
    file.add_token_types([3 if token in tokenizer.all_special_tokens else 1 for token in tokens])
    file.add_token_merges(["t h"])
    file.add_bos_token_id(config.bos_token_id)
    file.add_eos_token_id(config.eos_token_id)
    file.add_pad_token_id(config.pad_token_id)
    file.add_chat_template(tokenizer.chat_template)
    for name, tensor in net.state_dict().items():
        if name == "lm_head.weight":  # tied to the embedding
            continue
        weight = tensor.float().numpy()
        if name in WHOLE:
            short = WHOLE[name]
        else:
            _, _, block, part = name.removesuffix(".weight").split(".", 3)
            short = f"blk.{block}.{NAMES[part]}.weight"
        if ".attn_q." in short:
            weight = interleaved(weight, config.num_attention_heads)
        if ".attn_k." in short:
            weight = interleaved(weight, config.num_key_value_heads)
        held = kind if weight.ndim == 2 else F32
        packed = gguf.quantize(weight, held)
        file.add_tensor(short, packed, raw_dtype=held)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny model with a merge in its tokenizer: by merges the format knows its kind."""
    model = load_model(ModelSpec("tiny-random", dtype="float32"), device="cpu")
    folder = tmp_path_factory.mktemp("tiny")
    core = json.loads(model.tokenizer.backend_tokenizer.to_str())
    core["model"]["vocab"]["th"] = len(model.tokenizer)
    core["model"]["merges"] = [["t", "h"]]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(core)), **model.tokenizer.special_tokens_map
    )
    tokenizer.chat_template = model.tokenizer.chat_template
    config = copy.deepcopy(model.net.config)
    config.vocab_size += 1
    torch.manual_seed(0)
    net = LlamaForCausalLM(config)
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_model(ModelSpec(str(folder), dtype="float32"), device="cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def scores(model):
    items = load_items(limit=3, languages=("en",))
    return [r.log_prob_sum for r in run_ladder(model, items, ProbeSpec(probes=("choice",)))]


def dequantised(net, kind):
    """The weights as reading the file must give them."""
    return {
        name: torch.from_numpy(gguf.dequantize(gguf.quantize(weight.numpy(), kind), kind))
        if weight.ndim == 2
        else weight
        for name, weight in net.state_dict().items()
    }


@pytest.mark.parametrize("kind", [F32, Q8], ids=["f32", "q8_0"])
def test_a_gguf_file_is_the_network_it_was_made_from(tiny, cache, tmp_path, kind):
    path = write_gguf(tmp_path / "tiny.gguf", tiny.net, tiny.tokenizer, kind)
    model = load_model(ModelSpec(str(path), dtype="float32"), device="cpu")
    right, found = dequantised(tiny.net, kind), model.net.state_dict()
    assert right.keys() == found.keys()
    for name, weight in right.items():
        np.testing.assert_allclose(found[name].numpy(), weight.numpy(), atol=1e-6, err_msg=name)
    assert "dequantised from a GGUF file" in model.note
    assert model.tokenizer.chat_template == tiny.tokenizer.chat_template
    expected = Model(tiny.spec, copy.deepcopy(tiny.net), tiny.tokenizer, tiny.fingerprint)
    expected.net.load_state_dict(right)
    np.testing.assert_allclose(scores(model), scores(expected), atol=1e-4)


def test_a_second_look_reads_the_conversion(tiny, cache, tmp_path):
    path = write_gguf(tmp_path / "tiny.gguf", tiny.net, tiny.tokenizer, F32)
    load_model(str(path), device="cpu")
    made = {p: p.stat().st_mtime_ns for p in cache.rglob("*.safetensors")}
    load_model(str(path), device="cpu")
    assert made == {p: p.stat().st_mtime_ns for p in cache.rglob("*.safetensors")}


def test_a_damaged_file_is_refused_in_one_line(tiny, cache, tmp_path):
    content = write_gguf(tmp_path / "whole.gguf", tiny.net, tiny.tokenizer, F32).read_bytes()
    chance, said = random.Random(0), []
    for number in range(40):
        bad = bytearray(content[: chance.randrange(6000)] if number % 2 else content)
        for _ in range(8):
            bad[chance.randrange(min(len(bad), 3000))] = chance.randrange(256)
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(bad)
        try:
            assert isinstance(load_model(str(path), device="cpu"), Model)
        except ModelError as error:
            said.append(str(error))
    assert said
    assert not any("\n" in line for line in said)
    assert not list((cache / "converted").glob(".*"))


def test_a_missing_reader_is_named(tiny, cache, tmp_path, monkeypatch):
    path = write_gguf(tmp_path / "tiny.gguf", tiny.net, tiny.tokenizer, F32)
    monkeypatch.setattr(modeling_gguf_pytorch_utils, "is_gguf_available", lambda: False)
    with pytest.raises(ModelError, match=r"tiny\.gguf.*install torch and gguf"):
        load_model(str(path), device="cpu")


def test_an_unknown_architecture_is_named(cache, tmp_path):
    file = gguf.GGUFWriter(tmp_path / "odd.gguf", "no-such-kind")
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    with pytest.raises(ModelError, match="architecture no-such-kind is not supported"):
        load_model(str(tmp_path / "odd.gguf"), device="cpu")
