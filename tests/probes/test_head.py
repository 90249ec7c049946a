"""What the head says of targets is what whole logits say; no state goes through it twice."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from illusion_lib.probes import head as heads
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.head import Head, count_ranks


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 20), st.integers(0, 40), st.integers(0, 2**16))
def test_ranks_count_what_is_greater(rows, values, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-3, 4, (rows, 30), generator=generator).float()  # many ties
    at = torch.randint(rows, (values,), generator=generator)
    asked = logits[at, torch.randint(30, (values,), generator=generator)]
    right = [1 + int((logits[row] > value).sum()) for row, value in zip(at, asked, strict=True)]
    assert count_ranks(logits, at, asked).tolist() == right


@pytest.mark.parametrize("chunk", [1, 2 * 300, 1 << 23])
def test_targets_are_read_from_any_state_in_any_order(net_of, monkeypatch, chunk):
    monkeypatch.setattr(heads, "_CHUNK", chunk)
    head = Head.of(net_of("llama"))
    hidden = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    rows, targets = torch.tensor([4, 0, 0, 2, 4, 1, 0]), torch.tensor([7, 8, 9, 8, 7, 299, 8])
    with torch.inference_mode():
        said = head.score(hidden, targets, rows)
        logits = head(hidden)[rows].double()
    right = logits.log_softmax(-1)[range(7), targets]
    assert said.log_probs == pytest.approx(right.tolist(), abs=1e-5)
    assert said.margins == pytest.approx(
        (right - logits.log_softmax(-1).amax(-1)).tolist(), abs=1e-5
    )
    assert said.ranks == [
        1 + int((row > row[t]).sum()) for row, t in zip(logits, targets, strict=True)
    ]


@pytest.mark.parametrize("path", ["packed", "expanded", "recompute"])
def test_options_of_a_prompt_read_its_last_state_once(net_of, monkeypatch, path):
    engine = Engine.of(net_of("llama"), path)
    prefix = engine.prefill([[5, 6, 7], [8, 9]])
    seen = []
    chunks = Head.chunks

    def counted(self, hidden):
        seen.append(len(hidden))
        return chunks(self, hidden)

    monkeypatch.setattr(Head, "chunks", counted)
    engine.score(prefix, [0, 0, 0, 1], [[10], [11], [12], [13]])
    assert seen == [2]
