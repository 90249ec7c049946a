"""All paths give the log-probs of a naive loop, on every architecture; the fast ones are chosen."""

from __future__ import annotations

import pytest
import torch

from illusion_lib.errors import ModelError
from illusion_lib.models import load_model
from illusion_lib.probes import packed
from illusion_lib.probes.engine import Engine, scoring_path
from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec, ModelSpec, ProbeSpec, TaskSpec

FAST = ["llama", "qwen2", "qwen3", "mistral", "phi3", "gpt_neox", "opt", "gpt2"]
PROMPTS = [[5, 6, 7, 8, 9, 40, 41], [5, 6, 7, 8, 60], [5, 6, 7, 8, 9, 40, 41, 42, 43, 44]]
ROWS = [0, 0, 1, 2, 2, 2]
OPTIONS = [[10, 11, 12], [13], [14, 15], [10, 11], [99], [20, 21, 22, 23]]


def naive(net, prompt, option):
    """Log-prob and rank of each option token, one full forward, float64 softmax."""
    with torch.inference_mode():
        logits = net(input_ids=torch.tensor([prompt + option])).logits[0].double()
    steps = logits[len(prompt) - 1 : -1]
    log_probs = steps.log_softmax(-1)[range(len(option)), option]
    ranks = [1 + int((row > row[t]).sum()) for row, t in zip(steps, option, strict=True)]
    return log_probs.tolist(), ranks


@pytest.mark.parametrize("architecture", [*FAST, "gemma2", "bloom"])
@pytest.mark.parametrize("path", ["packed", "expanded", "recompute", None])
def test_scores_equal_the_naive_loop(net_of, architecture, path):
    if path == "packed" and architecture == "bloom":
        pytest.skip("takes no positions, so it is never packed")
    net = net_of(architecture)
    engine = Engine.of(net, path)
    scored = engine.score(engine.prefill(PROMPTS), ROWS, OPTIONS)
    for row, option, (log_probs, ranks, margins) in zip(ROWS, OPTIONS, scored, strict=True):
        right, right_ranks = naive(net, PROMPTS[row], option)
        assert log_probs == pytest.approx(right, abs=1e-4)
        assert ranks == right_ranks
        assert [margin == 0 for margin in margins] == [rank == 1 for rank in ranks]


@pytest.mark.parametrize("architecture", FAST)
def test_packed_is_chosen_where_it_works(net_of, architecture):
    assert Engine.of(net_of(architecture)).path == "packed"


def test_the_path_is_found_once_per_network(net_of, monkeypatch):
    net = net_of("llama")
    assert scoring_path(net) == "packed"
    monkeypatch.setattr(Engine, "_works", lambda self: pytest.fail("tried again"))
    assert scoring_path(net) == "packed"


def test_networks_without_positions_copy_the_cache(net_of):
    assert Engine.of(net_of("bloom")).path == "expanded"


def test_a_network_with_attention_of_its_own_is_not_packed(net_of, monkeypatch):
    net = net_of("llama")
    forward = net.model.forward

    def deaf(*args, where=None, position_ids=None, **kwargs):
        net.config._attn_implementation = "sdpa"
        return forward(*args, position_ids=position_ids, **kwargs)

    monkeypatch.setattr(net.model, "forward", deaf)
    assert Engine.of(net).path == "expanded"


def test_the_network_keeps_its_attention(net_of):
    net = net_of("llama")
    usual = net.config._attn_implementation
    Engine.of(net, "packed").prefill(PROMPTS)
    assert net.config._attn_implementation == usual
    with pytest.raises(IndexError):
        packed.prefill(net, [[5, 6], [5, 10**6]])
    assert net.config._attn_implementation == usual


def test_packed_computes_no_padding(net_of, monkeypatch):
    """Six tokens of head and what each prompt and tree has beyond it, and nothing else."""
    net = net_of("llama")
    engine, computed = Engine.of(net, "packed"), []
    forward = net.model.forward

    def counted(*args, input_ids, **kwargs):
        computed.append(input_ids.numel())
        return forward(*args, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(net.model, "forward", counted)
    prefix = engine.prefill(PROMPTS)
    engine.score(prefix, ROWS, OPTIONS)
    assert computed == [4, 3 + 1 + 6, 2 + 1 + 4]


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "bloom"])
@pytest.mark.parametrize("path", [None, "recompute"])
def test_branches_fork_reorder_and_end(net_of, architecture, path):
    net = net_of(architecture)
    engine = Engine.of(net, path)
    branches = engine.branch(engine.prefill(PROMPTS))
    said = [list(p) for p in PROMPTS]
    steps = [
        ([0, 0, 0, 1, 2, 2], [10, 11, 12, 13, 14, 15]),
        ([5, 0, 0, 2, 4, 5, 1], [20, 21, 22, 23, 24, 25, 26]),
        ([6, 1], [30, 31]),
        ([0, 0, 0, 0, 0, 0, 1], [50, 51, 52, 53, 54, 55, 56]),
    ]
    for parents, tokens in steps:
        said = [[*said[p], t] for p, t in zip(parents, tokens, strict=True)]
        with torch.inference_mode():
            branches.advance(torch.tensor(parents), torch.tensor(tokens))
            for sequence, hidden in zip(said, branches.hidden, strict=True):
                right = net(input_ids=torch.tensor([sequence])).logits[0, -1]
                assert torch.allclose(engine.head(hidden[None])[0], right, atol=1e-4)


def test_the_prefix_survives_its_branches(net_of):
    engine = Engine.of(net_of("llama"))
    prefix = engine.prefill(PROMPTS)
    before = engine.score(prefix, ROWS, OPTIONS)
    branches = engine.branch(prefix)
    with torch.inference_mode():
        branches.advance(torch.tensor([0, 0, 2]), torch.tensor([10, 11, 12]))
    assert engine.score(prefix, ROWS, OPTIONS) == before


def test_slots_that_no_branch_sees_are_used_again(net_of):
    """Of each step's four branches the next step knows two, which soon have one parent."""
    engine = Engine.of(net_of("llama"))
    branches = engine.branch(engine.prefill([PROMPTS[0]]))
    with torch.inference_mode():
        for step in range(30):
            parents = torch.tensor([0, 0, 1, 1]) if step else torch.tensor([0, 0, 0, 0])
            branches.advance(parents, torch.tensor([10, 11, 12, 13]))
    lineage = len(PROMPTS[0]) + 30
    assert lineage <= branches._store.slots <= lineage + 2 * 4 + 16  # not + 4 * 30


def test_an_older_continuation_does_not_grow_in_a_newer_ones_room(net_of):
    engine = Engine.of(net_of("llama"))
    prefix = engine.prefill(PROMPTS)
    older = engine.branch(prefix)
    engine.score(prefix, ROWS, OPTIONS)
    with pytest.raises(RuntimeError, match="continued elsewhere"):
        older.advance(torch.tensor([0]), torch.tensor([10]))


def test_prompts_longer_than_half_a_window_are_not_packed(net_of):
    net = net_of("gemma2")  # a window of 16 tokens
    engine = Engine.of(net, "packed")
    prompts = [list(range(5, 29)), list(range(9, 12))]
    scored = engine.score(engine.prefill(prompts), [0, 1], [[40, 41], [42]])
    for prompt, option, one in zip(prompts, [[40, 41], [42]], scored, strict=True):
        assert one.log_probs == pytest.approx(naive(net, prompt, option)[0], abs=1e-4)
    assert engine.budget.unpacked == len(prompts)
    engine.prefill(prompts[1:])
    assert engine.budget.unpacked == len(prompts)


def test_an_answer_beyond_the_window_is_refused(net_of):
    engine = Engine.of(net_of("gemma2"), "packed")  # a window of 16 tokens
    prefix = engine.prefill([[5, 6, 7, 8, 9, 10, 11]])
    (scored,) = engine.score(prefix, [0], [list(range(40, 50))])  # the last is never an input
    right, _ = naive(engine.net, prefix.tokens[0], list(range(40, 50)))
    assert scored.log_probs == pytest.approx(right, abs=1e-4)
    with pytest.raises(ModelError, match=r"takes 17 tokens, and .* window holds 16; lower"):
        engine.score(prefix, [0], [list(range(40, 51))])


def test_the_manifest_tells_of_a_window_too_narrow(net_of, tokenizer, tmp_path):
    for part in (net_of("gemma2"), tokenizer):
        part.save_pretrained(tmp_path / "narrow")
    model = ModelSpec(str(tmp_path / "narrow"), dtype="float32")
    task = TaskSpec(languages=("en",), limit=2)
    cell = CellSpec(model, task=task, probe=ProbeSpec(probes=("choice",)))
    assert scoring_path(load_model(model).net) == "packed"
    assert run_cell(cell, Store(tmp_path)).manifest.scoring_path == "expanded"


def test_a_damaged_network_is_refused(net_of):
    net = net_of("llama", seed=1)
    with torch.no_grad():
        net.lm_head.weight[3] = torch.nan
    engine = Engine.of(net, "packed")
    with pytest.raises(ModelError, match="not numbers"):
        engine.score(engine.prefill(PROMPTS), ROWS, OPTIONS)
