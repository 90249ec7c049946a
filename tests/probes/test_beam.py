"""Beam search equals that of transformers: sequences, scores and stopping."""

from __future__ import annotations

import pytest
import torch

from illusion_lib.probes.beam import beam_search
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.tokens import Stops

PROMPTS = [[5 + k, 6, 7, 8, *range(40, 40 + k % 3)] for k in range(6)]
ENDS = frozenset(range(2, 300, 9))


def reference(net, prompt, beams, limit, ends, penalty, early):
    made = net.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=limit,
        do_sample=False,
        num_beams=beams,
        num_return_sequences=beams,
        length_penalty=penalty,
        early_stopping=early,
        eos_token_id=sorted(ends),
        pad_token_id=0,
        output_scores=True,
        return_dict_in_generate=True,
    )
    answers = []
    for sequence in made.sequences[:, len(prompt) :].tolist():
        end = next((i for i, token in enumerate(sequence) if token in ends), len(sequence))
        answers.append(sequence[:end])
    return answers, made.sequences_scores.tolist()


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("ends", [ENDS, frozenset({2})])
def test_equals_transformers(net_of, penalty, early, ends):
    net = net_of("llama")
    engine = Engine.of(net)
    stops = Stops(ends, ends)
    found = beam_search(engine, engine.prefill(PROMPTS), stops, 6, 4, penalty, early)
    for prompt, outputs in zip(PROMPTS, found, strict=True):
        answers, scores = reference(net, prompt, 4, 6, ends, penalty, early)
        assert [o.tokens for o in outputs] == answers
        assert [o.score for o in outputs] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("architecture", ["gpt_neox", "opt", "qwen2", "gemma2", "bloom"])
def test_equals_transformers_on_other_architectures(net_of, architecture):
    net = net_of(architecture)
    engine = Engine.of(net)
    found = beam_search(engine, engine.prefill(PROMPTS), Stops(ENDS, ENDS), 5, 3)
    for prompt, outputs in zip(PROMPTS, found, strict=True):
        answers, scores = reference(net, prompt, 3, 5, ENDS, 1.0, True)
        assert outputs[0].tokens == answers[0]
        assert outputs[0].score == pytest.approx(scores[0], abs=1e-4)


def test_one_beam_is_greedy_without_its_score(net_of):
    from illusion_lib.probes.decode import greedy

    engine = Engine.of(net_of("llama"))
    stops = Stops(ENDS, ENDS)
    prefix = engine.prefill(PROMPTS)
    beams = beam_search(engine, prefix, stops, 8, 1)
    assert [b[0].tokens for b in beams] == [o.tokens for o in greedy(engine, prefix, stops, 8)]
