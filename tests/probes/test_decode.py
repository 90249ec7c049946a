"""Greedy equals transformers; samples follow the model's distribution and only their own seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from illusion_lib.probes.decode import greedy, sample
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.tokens import Stops

PROMPTS = [[5 + k, 6, 7, 8, *range(40, 40 + k % 4)] for k in range(12)]
ENDS = frozenset(range(2, 302, 9)) & frozenset(range(300))  # so that many answers end early
STOPS = Stops(ENDS, ENDS)


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox", "opt", "qwen2", "gemma2", "bloom"])
def test_greedy_equals_generate(net_of, architecture):
    net = net_of(architecture)
    engine = Engine.of(net)
    outputs = greedy(engine, engine.prefill(PROMPTS), STOPS, 10)
    for prompt, output in zip(PROMPTS, outputs, strict=True):
        made = net.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=10,
            do_sample=False,
            eos_token_id=sorted(ENDS),
        )[0, len(prompt) :].tolist()
        assert [*output.tokens, *made[len(output.tokens) :]] == made
        assert output.finished == (made[-1] in ENDS)
        assert len(output.tokens) == len(made) - output.finished


def test_watched_ranks_are_those_of_every_step(net_of):
    net = net_of("llama")
    engine = Engine.of(net)
    watched = [[k, 10, 20][: 1 + k % 3] for k in range(len(PROMPTS))]
    outputs = greedy(engine, engine.prefill(PROMPTS), STOPS, 6, watched)
    for prompt, output, tokens in zip(PROMPTS, outputs, watched, strict=True):
        assert len(output.ranks) == len(output.tokens) + output.finished
        for step, ranks in enumerate(output.ranks):
            logits = net(input_ids=torch.tensor([prompt + output.tokens[:step]])).logits[0, -1]
            assert ranks == [1 + int((logits > logits[t]).sum()) for t in tokens]


def test_samples_depend_on_their_own_numbers_only(net_of):
    engine = Engine.of(net_of("llama"))
    tables = [np.random.default_rng(k).random((6, 8)) for k in range(len(PROMPTS))]
    together = sample(engine, engine.prefill(PROMPTS), STOPS, tables, 1.0)
    for k, prompt in enumerate(PROMPTS):
        alone = sample(engine, engine.prefill([prompt]), STOPS, [tables[k]], 1.0)
        assert [o.tokens for o in alone[0]] == [o.tokens for o in together[k]]


@pytest.mark.parametrize("temperature", [0.7, 1.5])
def test_samples_follow_the_distribution(net_of, temperature):
    """Chi-square over the first two tokens, the rare ones pooled."""
    net = net_of("llama")
    engine = Engine.of(net)
    prompt, draws = PROMPTS[0], 4000
    never = Stops(frozenset(), frozenset())
    table = np.random.default_rng(0).random((draws, 2))
    (outputs,) = sample(engine, engine.prefill([prompt]), never, [table], temperature)

    def distribution(tokens: list[int]) -> np.ndarray:
        with torch.inference_mode():
            logits = net(input_ids=torch.tensor([prompt + tokens])).logits[0, -1].double()
        return (logits / temperature).softmax(-1).numpy()

    first = distribution([])
    likely = np.flatnonzero(first * draws >= 100)
    expected = {
        (a, b): first[a] * p
        for a in likely.tolist()
        for b, p in enumerate(distribution([a]))
        if first[a] * p * draws >= 5
    }
    drawn = [tuple(o.tokens) for o in outputs]
    counts = [drawn.count(pair) for pair in expected]
    shares = list(expected.values())
    counts.append(draws - sum(counts))
    shares.append(1 - sum(shares))
    assert len(counts) > 5
    assert chisquare(counts, np.array(shares) * draws).pvalue > 1e-3


def test_equal_numbers_draw_equal_answers(net_of):
    engine = Engine.of(net_of("llama"))
    row = np.random.default_rng(3).random(8)
    (outputs,) = sample(engine, engine.prefill(PROMPTS[:1]), STOPS, [np.stack([row] * 3)], 1.0)
    assert all(a.tokens == b.tokens for a, b in itertools.pairwise(outputs))
