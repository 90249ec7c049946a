from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict

import pytest
import torch
from torch import nn

from illusion_lib.errors import PruneError, SpecError
from illusion_lib.pruning import collect, prune
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs import PruneSpec

SPARSE = [name for name, method in METHODS.items() if method.sparsifies]
SUITED = [name for name in SPARSE if METHODS[name].allocation != "owl"]  # to a pattern


def weights(model):
    return {name: p.clone() for name, p in model.net.named_parameters()}


def same(before, model):
    return all(torch.equal(before[name], p) for name, p in model.net.named_parameters())


@pytest.mark.parametrize("spec", [PruneSpec(), *(PruneSpec(m, 0.0) for m in SPARSE)], ids=str)
def test_nothing_asked_nothing_changed(llama, tokens, spec):
    before = weights(llama)
    report = prune(llama, spec, tokens)
    assert same(before, llama)
    assert report.sparsity == 0
    assert [layer.name for layer in report.layers] == (
        []
        if spec.method == "dense"
        else [m.name for b in find_blocks(llama.net) for m in b.matrices]
    )


def test_report_counts_what_is_in_the_model(llama, tokens):
    report = prune(llama, PruneSpec("wanda", 0.4), tokens)
    size = sum(layer.rows * layer.columns for layer in report.layers)
    everything = list(llama.net.parameters())
    zeros = sum(int((p == 0).sum()) for p in everything)
    assert sum(layer.zeros for layer in report.layers) == zeros
    assert report.sparsity == zeros / size
    assert report.model_sparsity == zeros / sum(p.numel() for p in everything)
    # 32 inputs lose floor(12.8) = 12, 48 inputs lose floor(19.2) = 19.
    assert {layer.sparsity for layer in report.layers} == {12 / 32, 19 / 48}
    assert report.calibration_tokens == tokens.numel()
    assert report.statistics == "sequential"
    assert json.loads(json.dumps(asdict(report)))["layers"][0]["name"] == report.layers[0].name


def hand_pruned(model, tokens, statistics):
    """Wanda written out for a two-block model: full forwards, one hook a layer, no sharing."""
    blocks = find_blocks(model.net)
    passes = [blocks] if statistics == "one_pass" else [[block] for block in blocks]
    for group in passes:
        inputs: dict[str, list[torch.Tensor]] = defaultdict(list)
        hooks = [
            matrix.module.register_forward_pre_hook(
                lambda mod, args, seen=inputs[matrix.name]: seen.append(args[0])
            )
            for block in group
            for matrix in block.matrices
        ]
        with torch.no_grad():
            for row in tokens:  # one window at a time
                model.net(input_ids=row[None])
        for hook in hooks:
            hook.remove()
        for matrix in (m for block in group for m in block.matrices):
            x = torch.cat([v.flatten(0, 1) for v in inputs[matrix.name]]).double()
            scores = matrix.read().abs().double() * x.norm(dim=0)
            order = scores.sort(dim=1, stable=True).indices[:, : scores.shape[1] // 2]
            matrix.read().scatter_(1, order, 0.0)


@pytest.mark.parametrize("statistics", ["sequential", "one_pass"])
def test_statistics_modes_equal_a_run_by_hand(make_llama, tokens, statistics):
    ours, theirs = make_llama(), make_llama()
    prune(ours, PruneSpec("wanda", 0.5, statistics=statistics), tokens)
    hand_pruned(theirs, tokens, statistics)
    assert same(weights(ours), theirs)


def test_the_two_modes_differ_after_the_first_block(make_llama, tokens):
    one, other = make_llama(), make_llama()
    prune(one, PruneSpec("wanda", 0.5, statistics="sequential"), tokens)
    prune(other, PruneSpec("wanda", 0.5, statistics="one_pass"), tokens)
    equal = {
        a.name: torch.equal(a.read(), b.read())
        for x, y in zip(find_blocks(one.net), find_blocks(other.net), strict=True)
        for a, b in zip(x.matrices, y.matrices, strict=True)
    }
    assert all(value for name, value in equal.items() if ".layers.0." in name)
    assert not all(value for name, value in equal.items() if ".layers.1." in name)


@pytest.mark.parametrize("method", ["wanda", "sparsegpt", "wanda_owl", "sparsegpt_owl"])
def test_collected_statistics_serve_every_method_and_sparsity(make_llama, tokens, method):
    statistics = collect(make_llama(), tokens)
    for sparsity in (0.3, 0.6):
        spec = PruneSpec(method, sparsity, statistics="one_pass")
        reused, fresh = make_llama(), make_llama()
        assert prune(reused, spec, statistics) == prune(fresh, spec, tokens)
        assert same(weights(reused), fresh)


@pytest.mark.parametrize("method", SPARSE)
@pytest.mark.parametrize("statistics", ["sequential", "one_pass"])
def test_progress_counts_blocks(llama, tokens, method, statistics):
    calls = []
    spec = PruneSpec(method, 0.5, statistics=statistics)
    prune(llama, spec, tokens, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


@pytest.mark.parametrize("samples", [4, 200])
def test_any_number_of_samples(llama, samples):
    tokens = torch.randint(4, 64, (samples, 8), generator=torch.Generator().manual_seed(0))
    report = prune(llama, PruneSpec("sparsegpt", 0.5), tokens)
    assert report.calibration_tokens == samples * 8
    assert report.sparsity == 0.5


def test_bfloat16_weights_are_scored_in_float32_and_stay_exact(make_model, llama, tokens):
    model = make_model(llama.net.config, dtype=torch.bfloat16)
    before = weights(model)
    report = prune(model, PruneSpec("wanda", 0.5), tokens)
    assert {layer.sparsity for layer in report.layers} == {0.5}
    for name, parameter in model.net.named_parameters():
        assert parameter.dtype == torch.bfloat16
        assert torch.equal(parameter, before[name].masked_fill(parameter == 0, 0))


def test_hooks_and_forwards_are_gone_afterwards(llama, tokens):
    prune(llama, PruneSpec("sparsegpt", 0.5), tokens)
    for module in llama.net.modules():
        assert not module._forward_pre_hooks
        assert not module._forward_hooks
        assert "forward" not in module.__dict__


def test_an_expert_without_tokens_is_pruned_by_magnitude_and_reported(make_model, tokens, caplog):
    from transformers import MixtralConfig

    config = MixtralConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=1,
        max_position_embeddings=64,
    )  # fmt: skip
    for method in ("wanda", "sparsegpt"):
        model = make_model(config)
        for layer in model.net.model.layers:
            layer.mlp.gate.weight.zero_()  # every token ties, so the same expert gets them all
        report = prune(model, PruneSpec(method, 0.5), tokens)
        noted = [layer for layer in report.layers if layer.note]
        assert len(noted) == 2 * 3 * 2
        assert all("no calibration token" in layer.note for layer in noted)
        assert report.notes == ("12 of 24 layers carry a note",)
        assert {layer.sparsity for layer in report.layers} == {0.5}
        assert model.net.config._experts_implementation != "eager"
    assert "no calibration token" in caplog.text


class TestRefusals:
    @pytest.mark.parametrize("method", ["wanda", "sparsegpt"])
    def test_no_calibration(self, llama, method):
        with pytest.raises(SpecError, match="calibrate"):
            prune(llama, PruneSpec(method, 0.5))

    @pytest.mark.parametrize("method", SUITED)
    def test_pattern_that_does_not_divide_names_the_layer(self, make_llama, tokens, method):
        model = make_llama(intermediate_size=50)
        before = weights(model)
        with pytest.raises(
            PruneError, match=r"50 inputs of layer model\.layers\.0\.mlp\.down_proj"
        ):
            prune(model, PruneSpec(method, pattern="2:4"), tokens)
        assert same(before, model)

    def test_pattern_that_does_not_divide_the_block(self, make_llama, tokens):
        model = make_llama(intermediate_size=48, hidden_size=48)
        before = weights(model)
        with pytest.raises(PruneError, match="block_size 128"):
            prune(model, PruneSpec("sparsegpt", pattern="1:3"), tokens)
        assert same(before, model)

    @pytest.mark.parametrize(
        ("tokens", "reason"),
        [
            (torch.zeros(4, dtype=torch.int64), "samples, length"),
            (torch.zeros(0, 4, dtype=torch.int64), "samples, length"),
            (torch.zeros(2, 4), "float32"),
            (torch.full((2, 4), 64), "0 ... 63"),
            (torch.full((2, 4), -1), "0 ... 63"),
            (torch.zeros(2, 65, dtype=torch.int64), "exceed the model's 64"),
        ],
    )
    def test_tokens_that_cannot_be(self, llama, tokens, reason):
        before = weights(llama)
        with pytest.raises(SpecError, match=reason):
            prune(llama, PruneSpec("wanda", 0.5), tokens)
        assert same(before, llama)

    def test_statistics_of_the_wrong_kind(self, llama, tokens):
        norms = collect(llama, tokens, need="norms")
        with pytest.raises(SpecError, match="one_pass"):
            prune(llama, PruneSpec("wanda", 0.5), norms)
        with pytest.raises(SpecError, match="need='both'"):
            prune(llama, PruneSpec("sparsegpt", 0.5, statistics="one_pass"), norms)
        gram = collect(llama, tokens, need="gram")
        with pytest.raises(SpecError, match="squared norms; collect with need='both'"):
            prune(llama, PruneSpec("wanda", 0.5, statistics="one_pass"), gram)

    def test_weights_that_are_not_finite(self, llama, tokens):
        llama.net.model.layers[1].mlp.up_proj.weight[0, 0] = torch.nan
        with pytest.raises(PruneError, match=r"layers\.1\.mlp\.up_proj holds NaN"):
            prune(llama, PruneSpec("magnitude", 0.5))

    def test_inputs_that_are_not_finite(self, llama, tokens):
        llama.net.model.embed_tokens.weight[int(tokens[0, 0])] = torch.inf
        with pytest.raises(PruneError, match=r"layer model\.layers\.0.*not finite"):
            prune(llama, PruneSpec("wanda", 0.5), tokens)

    def test_integer_weights(self, llama):
        linear = llama.net.model.layers[0].mlp.up_proj
        linear.weight = nn.Parameter(torch.zeros(48, 32, dtype=torch.int8), requires_grad=False)
        with pytest.raises(PruneError, match="int8"):
            prune(llama, PruneSpec("magnitude", 0.5))

    @pytest.mark.parametrize("method", ["wanda_owl", "sparsegpt_owl"])
    def test_a_pattern_with_owl(self, llama, tokens, method):
        with pytest.raises(SpecError, match="without OWL"):
            prune(llama, PruneSpec(method, pattern="2:4"), tokens)

    @pytest.mark.parametrize("method", ["rtn_int8", "rtn_int4"])
    def test_sparsity_with_quantisation(self, llama, method):
        with pytest.raises(SpecError, match="makes no zeros"):
            prune(llama, PruneSpec(method, 0.5))


@pytest.mark.parametrize("method", ["rtn_int8", "rtn_int4"])
def test_quantisation_goes_through_the_same_door(llama, method):
    before = weights(llama)
    report = prune(llama, PruneSpec(method))
    assert not same(before, llama)
    assert len(report.layers) == 14
    for matrix in (m for b in find_blocks(llama.net) for m in b.matrices):
        old = before[f"{matrix.name}.weight"]
        step = old.abs().amax(dim=1, keepdim=True) / (127 if method == "rtn_int8" else 7)
        assert ((matrix.read() - old).abs() <= 0.5001 * step).all()
