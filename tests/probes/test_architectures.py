"""Every architecture that can be pruned can be probed, and all paths agree on its numbers."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from illusion_lib.probes.engine import Engine

_PRUNED = Path(__file__).parents[1] / "pruning" / "test_architectures.py"
PROMPTS = [[5, 6, 7, 8, 9, 40, 41], [5, 6, 7, 8, 60], [5, 6, 7, 8, 9, 40, 41, 42, 43, 44]]
ROWS = [0, 0, 1, 2, 2, 2]
OPTIONS = [[10, 11, 12], [13], [14, 15], [10, 11], [50], [20, 21, 22, 23]]
STEPS = [([0, 0, 1, 2], [10, 11, 12, 13]), ([1, 3, 0, 0], [20, 21, 22, 23])]
# Their attention adds a bias of its own to the mask, or they take no positions.
COPIED = {"bloom", "falcon", "falcon_alibi"}


def pruned_architectures():
    spec = spec_from_file_location("pruned_architectures", _PRUNED)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: config for name, (config, _) in module.ARCHITECTURES.items()}


ARCHITECTURES = pruned_architectures()


def read(net, engine):
    """Log-probs of continuations, and of all tokens after branches that fork and reorder."""
    prefix = engine.prefill(PROMPTS)
    scored = [v for one in engine.score(prefix, ROWS, OPTIONS) for v in one.log_probs]
    branches = engine.branch(prefix)
    with torch.inference_mode():
        for parents, tokens in STEPS:
            branches.advance(torch.tensor(parents), torch.tensor(tokens))
        grown = engine.head(branches.hidden).double().log_softmax(-1)
    return torch.tensor(scored, dtype=torch.float64), grown


def naive(net):
    """The same by one plain forward pass for each sequence."""

    def steps(ids):
        with torch.inference_mode():
            return net(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)

    scored = [
        steps(PROMPTS[row] + option)[len(PROMPTS[row]) - 1 : -1][range(len(option)), option]
        for row, option in zip(ROWS, OPTIONS, strict=True)
    ]
    said = PROMPTS
    for parents, tokens in STEPS:
        said = [[*said[p], t] for p, t in zip(parents, tokens, strict=True)]
    return torch.cat(scored), torch.stack([steps(ids)[-1] for ids in said])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_paths_agree_with_plain_recomputation(name):
    torch.manual_seed(0)
    net = AutoModelForCausalLM.from_config(ARCHITECTURES[name]).eval().requires_grad_(False)
    for weight in net.parameters():
        if weight.ndim > 1:
            weight.normal_(0, 0.3)
    chosen = Engine.of(net).path
    assert chosen == ("expanded" if name in COPIED else "packed")
    right = naive(net)
    for path in {chosen, "expanded", "recompute"}:
        for ours, plain in zip(read(net, Engine.of(net, path)), right, strict=True):
            torch.testing.assert_close(ours, plain, atol=1e-4, rtol=0, msg=f"{name}, {path}")
