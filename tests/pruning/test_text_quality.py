from __future__ import annotations

import json
import math

import pytest
import torch

from illusion_lib.errors import SpecError
from illusion_lib.pruning import perplexity, text_windows


def test_equals_transformers_own_loss(llama, tokens):
    with torch.no_grad():
        losses = [llama.net(input_ids=row[None], labels=row[None]).loss for row in tokens]
    got = perplexity(llama, tokens)
    assert got.value == pytest.approx(math.exp(torch.stack(losses).double().mean()), rel=1e-5)
    assert (got.windows, got.length) == tuple(tokens.shape)


def test_batches_change_nothing(llama, tokens, monkeypatch):
    from importlib import import_module

    whole = perplexity(llama, tokens).value
    monkeypatch.setattr(
        import_module("illusion_lib.pruning.text_quality"), "_BATCH_LOGITS", 64 * 16
    )
    assert perplexity(llama, tokens).value == pytest.approx(whole, rel=1e-6)


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary(llama, tokens):
    llama.net.lm_head.weight.zero_()
    assert perplexity(llama, tokens).value == pytest.approx(64)


def test_windows_follow_each_other_and_the_tail_is_dropped(llama, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"w{i}" for i in range(23)))
    assert torch.equal(text_windows(llama, path, 5), torch.arange(4, 24).view(4, 5))


def test_documents_are_joined_by_blank_lines(llama, tmp_path):
    lines = [" ".join(f"w{i}" for i in range(k, k + 6)) for k in (0, 6)]
    (tmp_path / "t.txt").write_text("\n\n".join(lines))
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    joined = text_windows(llama, tmp_path / "t.txt", 4)
    assert torch.equal(text_windows(llama, path, 4), joined)


@pytest.mark.parametrize("length", [1, 24])
def test_a_window_longer_than_the_text_is_refused(llama, tmp_path, length):
    path = tmp_path / "text.txt"
    path.write_text(" ".join(f"w{i}" for i in range(23)))
    with pytest.raises(SpecError, match="23 tokens"):
        text_windows(llama, path, length)
