"""Tiny random models of many architectures: found, replayed and pruned exactly."""

from __future__ import annotations

import pytest
import torch
import transformers as tf

from illusion_lib.pruning import collect, prune
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.replay import open_streams
from illusion_lib.specs import PruneSpec

SMALL = {"vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "head_dim": 8,
}
ROPE = {**SMALL, **SHAPE}
WINDOW = {"sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
OLD = {**SMALL, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2}
GPT2 = {**SMALL, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}

# Name: configuration, prunable matrices in a block.
ARCHITECTURES = {
    "llama": (tf.LlamaConfig(**ROPE), 7),
    "qwen2": (tf.Qwen2Config(**ROPE), 7),
    "qwen3": (tf.Qwen3Config(**ROPE), 7),
    "mistral": (tf.MistralConfig(**ROPE, sliding_window=4), 7),
    "gemma2": (tf.Gemma2Config(**ROPE, **WINDOW), 7),
    "gemma3": (tf.Gemma3TextConfig(**ROPE, **WINDOW), 7),
    "phi3": (tf.Phi3Config(**{k: v for k, v in ROPE.items() if k != "head_dim"}), 4),
    "mixtral": (tf.MixtralConfig(**ROPE, num_local_experts=4, num_experts_per_tok=2), 4 + 8),
    "qwen3_moe": (tf.Qwen3MoeConfig(**ROPE, **EXPERTS), 4 + 8),
    "qwen2_moe": (
        tf.Qwen2MoeConfig(
            **{k: v for k, v in ROPE.items() if k != "head_dim"},
            **EXPERTS,
            shared_expert_intermediate_size=16,
        ),
        4 + 8 + 3,
    ),
    "gpt_oss": (
        tf.GptOssConfig(**ROPE, num_local_experts=4, num_experts_per_tok=2, **WINDOW),
        4 + 8,
    ),
    "opt": (
        tf.OPTConfig(**OLD, ffn_dim=48, max_position_embeddings=64, word_embed_proj_dim=32),
        6,
    ),
    "gpt_neox": (tf.GPTNeoXConfig(**OLD, intermediate_size=48, max_position_embeddings=64), 4),
    "bloom": (tf.BloomConfig(**SMALL, hidden_size=32, n_layer=2, n_head=4), 4),
    "falcon": (tf.FalconConfig(**OLD, new_decoder_architecture=True, num_kv_heads=2), 4),
    "falcon_alibi": (tf.FalconConfig(**OLD, alibi=True, multi_query=True), 4),
    "gpt2": (tf.GPT2Config(**GPT2), 4),
}


@pytest.fixture(params=ARCHITECTURES)
def architecture(request, make_model):
    config, matrices = ARCHITECTURES[request.param]
    return make_model(config), matrices


def test_blocks_and_matrices_are_found(architecture):
    model, matrices = architecture
    blocks = find_blocks(model.net)
    assert [len(block.matrices) for block in blocks] == [matrices, matrices]
    weights = dict(model.net.named_parameters())
    for block in blocks:
        for matrix in block.matrices:
            parameter = getattr(matrix.module, matrix.parameter)
            assert any(parameter is weight for weight in weights.values())
            assert matrix.name.startswith(block.name)


def test_replayed_blocks_give_what_the_model_gives(architecture, tokens):
    model, _ = architecture
    blocks = find_blocks(model.net)
    outputs: list[torch.Tensor] = []
    hooks = [
        block.module.register_forward_hook(
            lambda module, args, out: outputs.append(out[0] if isinstance(out, tuple) else out)
        )
        for block in blocks
    ]
    with torch.no_grad():
        model.net(input_ids=tokens, use_cache=False)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        (stream,) = open_streams(model.net, blocks, [tokens])
        for index, block in enumerate(blocks):
            stream.hidden = stream.run(index, block.module)
            torch.testing.assert_close(stream.hidden, outputs[index], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["magnitude", "wanda", "sparsegpt"])
@pytest.mark.parametrize("statistics", ["sequential", "one_pass"])
def test_pruned_exactly_and_still_running(architecture, tokens, method, statistics):
    model, _ = architecture
    before = {name: p.clone() for name, p in model.net.named_parameters()}
    report = prune(model, PruneSpec(method, pattern="2:4", statistics=statistics), tokens)
    assert report.notes == ()  # every expert, fused or not, saw its own inputs
    matrices = {m.name: m for block in find_blocks(model.net) for m in block.matrices}
    assert [layer.name for layer in report.layers] == list(matrices)
    for layer in report.layers:
        weight = matrices[layer.name].read()
        assert (weight.shape[0], weight.shape[1]) == (layer.rows, layer.columns)
        assert ((weight.reshape(-1, 4) == 0).sum(dim=1) == 2).all(), layer.name
        assert layer.sparsity == 0.5
    pruned = {id(getattr(m.module, m.parameter)) for m in matrices.values()}
    for name, parameter in model.net.named_parameters():
        if id(parameter) not in pruned:
            assert torch.equal(parameter, before[name]), name
    with torch.no_grad():
        assert model.net(input_ids=tokens).logits.isfinite().all()


def fused_inputs(model, tokens):
    """Return what each fused expert's first matrix reads, from the router's own choice."""
    moe = model.net.model.layers[0].mlp
    seen = []
    hook = moe.experts.register_forward_pre_hook(lambda mod, args: seen.append(args))
    with torch.no_grad():
        model.net(input_ids=tokens, use_cache=False)
    hook.remove()
    hidden, chosen = seen[0][0], seen[0][1]
    return [hidden[(chosen == e).any(dim=1)] for e in range(4)]


@pytest.mark.parametrize("name", ["mixtral", "qwen3_moe", "gpt_oss"])
def test_fused_experts_see_the_tokens_routed_to_them(make_model, tokens, name):
    model = make_model(ARCHITECTURES[name][0])
    statistics = collect(model, tokens)
    for expert, inputs in enumerate(fused_inputs(model, tokens)):
        got = statistics.inputs[f"model.layers.0.mlp.experts.gate_up_proj[{expert}]"]
        assert got.tokens == len(inputs)
        want = inputs.double().T @ inputs.double()
        torch.testing.assert_close(got.gram.double(), want, rtol=1e-4, atol=1e-4)
