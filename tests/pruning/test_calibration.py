from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from illusion_lib.errors import ModelError, SpecError
from illusion_lib.pruning import calibrate, calibration


def test_shape_type_start_and_seed(llama):
    tokens = calibrate(llama, samples=5, length=12, seed=3)
    assert tokens.shape == (5, 12)
    assert tokens.dtype == torch.int64
    assert (tokens[:, 0] == llama.tokenizer.bos_token_id).all()
    assert torch.equal(tokens, calibrate(llama, samples=5, length=12, seed=3))
    assert not torch.equal(tokens, calibrate(llama, samples=5, length=12, seed=4))
    assert len({tuple(row.tolist()) for row in tokens}) == 5


def test_a_text_does_not_depend_on_those_beside_it(llama, monkeypatch):
    together = calibrate(llama, samples=7, length=10)
    monkeypatch.setattr(calibration, "_ROWS", 2)
    assert torch.equal(together, calibrate(llama, samples=7, length=10))


def test_padding_is_never_written(llama):
    llama.net.lm_head.weight[llama.tokenizer.pad_token_id] *= 0
    llama.net.lm_head.weight[llama.tokenizer.pad_token_id, :] = 3.0
    tokens = calibrate(llama, samples=40, length=20)
    assert not (tokens == llama.tokenizer.pad_token_id).any()


def test_an_end_token_that_pads_as_well_is_written(llama):
    llama.tokenizer.pad_token = llama.tokenizer.eos_token
    assert calibration._never_written(llama) == []


def test_text_follows_the_model_at_temperature_one(llama):
    """The second token's frequencies are the model's own probabilities (chi-square)."""
    tokens = calibrate(llama, samples=4000, length=2, seed=1)
    logits = llama.net(input_ids=tokens[:1, :1]).logits[0, -1].double()
    logits[llama.tokenizer.pad_token_id] = -torch.inf
    expected = 4000 * logits.softmax(0).numpy()
    observed = np.bincount(tokens[:, 1].numpy(), minlength=len(expected))
    common = expected > 5
    observed = np.append(observed[common], observed[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_later_tokens_are_conditioned_on_all_before(llama):
    """With the same numbers, decoding with a cache equals decoding without one."""
    uniforms = torch.rand(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tokens = calibration._decode(llama, uniforms)
        for position in range(1, 8):
            logits = llama.net(input_ids=tokens[:, :position], use_cache=False).logits[:, -1]
            logits[:, llama.tokenizer.pad_token_id] = -torch.inf
            want = calibration.draw(logits, uniforms[:, position])
            assert torch.equal(tokens[:, position], want)


def test_draw_inverts_the_cumulative_distribution():
    logits = torch.log(torch.tensor([[0.2, 0.0, 0.5, 0.3]])).repeat(6, 1)
    uniforms = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71, 1 - 1e-16], dtype=torch.float64)
    assert calibration.draw(logits, uniforms).tolist() == [0, 0, 2, 2, 3, 3]


def test_without_a_start_token_a_file_is_asked_for(llama):
    llama.tokenizer.bos_token = llama.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="text file"):
        calibrate(llama, samples=1, length=4)


class TestTextFile:
    def write(self, folder, words):
        path = folder / "text.txt"
        path.write_text(" ".join(words), encoding="utf-8")
        return str(path)

    def test_windows_are_pieces_of_the_text(self, llama, tmp_path):
        path = self.write(tmp_path, [f"w{i}" for i in range(50)])
        tokens = calibrate(llama, path, samples=30, length=8, seed=0)
        assert tokens.shape == (30, 8)
        assert (tokens.diff(dim=1) == 1).all()
        assert torch.equal(tokens, calibrate(llama, path, samples=30, length=8, seed=0))
        assert not torch.equal(tokens, calibrate(llama, path, samples=30, length=8, seed=1))

    def test_a_text_of_one_window_is_enough(self, llama, tmp_path):
        path = self.write(tmp_path, [f"w{i}" for i in range(8)])
        assert calibrate(llama, path, samples=2, length=8).tolist() == [list(range(4, 12))] * 2

    def test_a_short_text_is_refused(self, llama, tmp_path):
        path = self.write(tmp_path, ["w1", "w2"])
        with pytest.raises(SpecError, match="has 2 tokens, fewer than one window of 8"):
            calibrate(llama, path, length=8)

    def test_what_is_no_text_is_refused(self, llama, tmp_path):
        (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(SpecError, match="not UTF-8"):
            calibrate(llama, str(tmp_path / "x"))
        with pytest.raises(SpecError, match="No such file"):
            calibrate(llama, str(tmp_path / "absent"))


@pytest.mark.parametrize(("samples", "length"), [(0, 8), (4, 1)])
def test_sizes_that_cannot_be(llama, samples, length):
    with pytest.raises(SpecError, match="samples >= 1"):
        calibrate(llama, samples=samples, length=length)
