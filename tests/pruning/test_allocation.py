from __future__ import annotations

import pytest
import torch

from illusion_lib.pruning import collect, prune
from illusion_lib.pruning.allocation import by_global_magnitude, by_outliers
from illusion_lib.pruning.blocks import find_blocks
from illusion_lib.specs import PruneSpec


def matrices(model):
    return [m for block in find_blocks(model.net) for m in block.matrices]


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.83])
@pytest.mark.parametrize("tied", [False, True])
def test_global_magnitude_equals_one_big_sort(make_llama, sparsity, tied):
    model, copy = make_llama(), make_llama()
    for net in (model.net, copy.net):
        net.model.layers[0].mlp.up_proj.weight.mul_(0.1)  # nearly all of it goes
        if tied:
            for parameter in net.parameters():
                parameter.mul_(4).round_().div_(4)
    flat = torch.cat([m.read().abs().flatten() for m in matrices(copy)])
    order = flat.sort(stable=True).indices[: int(sparsity * len(flat))]
    gone = torch.zeros_like(flat, dtype=torch.bool)
    gone[order] = True
    report = prune(model, PruneSpec("magnitude_global", sparsity))
    pruned = torch.cat([m.read().flatten() for m in matrices(model)])
    assert torch.equal(pruned == 0, gone | (flat == 0))
    assert len({layer.sparsity for layer in report.layers}) > 3


def test_a_matrix_can_go_entirely(llama):
    llama.net.model.layers[0].mlp.up_proj.weight.mul_(1e-6)
    report = prune(llama, PruneSpec("magnitude_global", 0.5))
    assert {layer.sparsity for layer in report.layers if "0.mlp.up" in layer.name} == {1.0}


def test_global_with_a_pattern_is_decided_within_its_groups(make_llama):
    one, other = make_llama(), make_llama()
    prune(one, PruneSpec("magnitude_global", pattern="2:4"))
    prune(other, PruneSpec("magnitude", pattern="2:4"))
    for a, b in zip(matrices(one), matrices(other), strict=True):
        assert torch.equal(a.read(), b.read())


def test_owl_by_hand(make_llama, tokens):
    """The published formula, written out with full forwards."""
    model = make_llama(num_hidden_layers=4)
    model.net.model.layers[2].mlp.down_proj.weight[:, :3].mul_(30)  # outliers
    inputs = collect(model, tokens, "norms").inputs
    outliers = []
    for block in find_blocks(model.net):
        scores = [m.read().abs() * inputs[m.name].squared_norms.sqrt() for m in block.matrices]
        above = sum(int((s > 5 * s.mean()).sum()) for s in scores)
        outliers.append(above / sum(s.numel() for s in scores))
    d = torch.tensor(outliers, dtype=torch.float64)
    d = (d - d.min()) / (d.max() - d.min()) * 0.16
    want = 0.6 - (d - d.mean())
    got = by_outliers(find_blocks(model.net), inputs, 0.6)
    for i, block in enumerate(find_blocks(model.net)):
        assert {round(got[m.name], 9) for m in block.matrices} == {round(float(want[i]), 9)}
    assert min(want) == want[2] < 0.6 < max(want)


@pytest.mark.parametrize("method", ["wanda_owl", "sparsegpt_owl"])
@pytest.mark.parametrize("statistics", ["sequential", "one_pass"])
@pytest.mark.parametrize("sparsity", [0.02, 0.6, 0.98])
def test_owl_keeps_the_target_and_varies_over_blocks(
    make_llama, tokens, method, statistics, sparsity
):
    model = make_llama(num_hidden_layers=3)
    model.net.model.layers[2].mlp.down_proj.weight[:, :3].mul_(30)
    report = prune(model, PruneSpec(method, sparsity, statistics=statistics), tokens)
    assert report.sparsity == pytest.approx(sparsity, abs=0.03)  # counts are floored per row
    blocks = {layer.name.split(".")[2]: layer.sparsity for layer in report.layers}
    assert blocks["2"] < min(blocks["0"], blocks["1"]) or sparsity == 0.02


def test_equal_blocks_get_equal_shares(llama, tokens):
    inputs = collect(llama, tokens, "norms").inputs
    for matrix in matrices(llama):
        matrix.module.weight.fill_(0.1)
        inputs[matrix.name].squared_norms.fill_(1.0)
    assert set(by_outliers(find_blocks(llama.net), inputs, 0.5).values()) == {0.5}


def test_shares_of_global_magnitude_are_whole_counts(llama):
    shares = by_global_magnitude(find_blocks(llama.net), 0.37)
    for matrix in matrices(llama):
        count = shares[matrix.name] * matrix.read().numel()
        assert count == pytest.approx(round(count))
