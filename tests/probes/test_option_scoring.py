"""Unconditional scores of options: a naive loop's, whatever the budget, and never beyond it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from illusion_lib.probes.budget import Budget
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.option_scoring import score_neutral
from illusion_lib.probes.session import Session
from illusion_lib.specs import ProbeSpec


@pytest.fixture
def session(model, items):
    other = [
        dataclasses.replace(item, id=f"{item.id}-es", language="es", answer=f"{item.answer} D.F.")
        for item in items[:4]
    ]
    return Session(model, [*items, *other], ProbeSpec(), lambda done, total, what: None)


def naive(session, language, kind, option):
    """One full forward per option."""
    prompt = session.prompts.neutral(language, kind)
    seam, (tail,) = session.encoder.join(prompt, [session.prompts.lead(language) + option])
    with torch.inference_mode():
        logits = session.engine.net(input_ids=torch.tensor([seam + tail])).logits[0].double()
    steps = logits[len(seam) - 1 : -1].log_softmax(-1)
    return float(steps[range(len(tail)), tail].sum())


@pytest.mark.parametrize("slots", [1, 300, 1 << 14])
def test_any_budget_gives_the_naive_scores(session, monkeypatch, slots):
    session.engine = dataclasses.replace(session.engine, budget=Budget(slots))
    seen = []
    score = Engine.score

    def watched(self, prefix, rows, sequences):
        seen.append(sum(map(len, prefix.tokens)) + sum(map(len, sequences)))
        return score(self, prefix, rows, sequences)

    monkeypatch.setattr(Engine, "score", watched)
    found = score_neutral(session)
    asked = {
        (item.language, item.kind, option)
        for item in session.items
        for option in (item.answer, *item.distractors)
    }
    assert set(found) == asked
    for key in asked:
        assert found[key] == pytest.approx(naive(session, *key), abs=1e-4)
    if slots > 1:
        assert max(seen) <= slots
    else:
        assert len(seen) == len(asked)  # at least one option goes through, however small the budget
