from __future__ import annotations

import gzip
import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from illusion_lib.errors import ModelError, SpecError
from illusion_lib.pruning import calibrate, calibration, corpus, sampling
from illusion_lib.specs import CalibrationSpec


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
    monkeypatch.setattr(sampling, "_ROWS", 2)
    assert torch.equal(together, calibrate(llama, samples=7, length=10))


def test_padding_is_never_written(llama):
    llama.net.lm_head.weight[llama.tokenizer.pad_token_id] *= 0
    llama.net.lm_head.weight[llama.tokenizer.pad_token_id, :] = 3.0
    tokens = calibrate(llama, samples=40, length=20)
    assert not (tokens == llama.tokenizer.pad_token_id).any()


def test_an_end_token_that_pads_as_well_is_written(llama):
    llama.tokenizer.pad_token = llama.tokenizer.eos_token
    assert sampling._never_written(llama) == []


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
        tokens = sampling._decode(llama, uniforms, sampling._given(llama, 3, 8, ()))
        for position in range(1, 8):
            logits = llama.net(input_ids=tokens[:, :position], use_cache=False).logits[:, -1]
            logits[:, llama.tokenizer.pad_token_id] = -torch.inf
            want = sampling.draw(logits, uniforms[:, position])
            assert torch.equal(tokens[:, position], want)


def test_draw_inverts_the_cumulative_distribution():
    logits = torch.log(torch.tensor([[0.2, 0.0, 0.5, 0.3]])).repeat(6, 1)
    uniforms = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71, 1 - 1e-16], dtype=torch.float64)
    assert sampling.draw(logits, uniforms).tolist() == [0, 0, 2, 2, 3, 3]


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


class TestLanguages:
    """Self-sampled text that begins with questions in the languages asked for."""

    def test_openings_alternate_and_the_rest_is_sampled(self, llama, monkeypatch):
        openings = {"en": "w1 w2", "es": "w3 w4 w5"}
        monkeypatch.setattr(
            calibration, "load_items", lambda name, languages, limit, seed: [
                SimpleNamespace(question=openings[language]) for language in languages
            ],
        )  # fmt: skip
        tokens = calibrate(llama, samples=4, length=10, languages=("en", "es"))
        assert tokens[:, 1:3].tolist() == [[5, 6], [7, 8]] * 2
        assert (tokens[1::2, 3] == 9).all()
        assert not torch.equal(tokens[0], tokens[2])

    def test_a_long_opening_is_cut(self, llama):
        given = sampling._given(llama, 2, 3, ["w1 w2 w3 w4"])
        assert given.tolist() == [[0, 5, 6]] * 2

    def test_real_questions(self, llama):
        tokens = calibrate(llama, samples=3, length=6, languages=["en"])
        assert tokens.shape == (3, 6)

    def test_only_self_sampled_text_has_languages(self, llama, tmp_path):
        with pytest.raises(SpecError, match="steer self-sampled"):
            calibrate(llama, str(tmp_path / "x.txt"), languages=["en"])
        with pytest.raises(SpecError, match="steer self-sampled"):
            CalibrationSpec("c4", languages=("en",))


class TestDocuments:
    TEXTS = tuple(" ".join(f"w{i}" for i in range(n)) for n in (3, 20, 9, 40))

    def write(self, path, texts):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(lines.encode()))
        else:
            path.write_text(lines)
        return str(path)

    def published(self, tokenizer, samples, length, seed):
        """Wanda's and SparseGPT's draw from C4, written down from their description."""
        random.seed(seed)
        rows = []
        for _ in range(samples):
            while True:
                ids = tokenizer(self.TEXTS[random.randint(0, len(self.TEXTS) - 1)]).input_ids
                if len(ids) > length:
                    break
            start = random.randint(0, len(ids) - length - 1)
            rows.append(ids[start : start + length])
        return rows

    @pytest.mark.parametrize("name", ["a.jsonl", "a.json.gz"])
    def test_the_draw_is_the_published_one(self, llama, tmp_path, name):
        source = self.write(tmp_path / name, self.TEXTS)
        tokens = calibrate(llama, source, samples=12, length=8, seed=0)
        assert tokens.tolist() == self.published(llama.tokenizer, 12, 8, 0)
        assert not torch.equal(tokens, calibrate(llama, source, samples=12, length=8, seed=1))

    def test_c4_is_one_shard_of_the_hub(self, llama, tmp_path, monkeypatch):
        asked = []

        def download(repo, file, repo_type):
            asked.append((repo, file, repo_type))
            return self.write(tmp_path / "c4.json.gz", self.TEXTS)

        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
        tokens = calibrate(llama, "c4", samples=2, length=8)
        assert tokens.tolist() == self.published(llama.tokenizer, 2, 8, 0)
        assert asked == [("allenai/c4", "en/c4-train.00000-of-01024.json.gz", "dataset")]
        assert corpus.identity("c4") == "hub:allenai/c4/en/c4-train.00000-of-01024.json.gz"

    def test_no_network_is_one_clear_line(self, llama, monkeypatch):
        def refuse(*args, **kwargs):
            raise ConnectionError("no route")

        monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
        with pytest.raises(SpecError, match=r"ConnectionError: no route.*give a local file"):
            calibrate(llama, "c4", samples=2, length=8)
        with pytest.raises(SpecError, match="hub:owner/name/path"):
            calibrate(llama, "hub:c4.jsonl", samples=2, length=8)

    @pytest.mark.parametrize("texts", [[], TEXTS[:1]])
    def test_no_text_longer_than_a_window(self, llama, tmp_path, texts):
        with pytest.raises(SpecError, match="no text longer than 8 tokens"):
            calibrate(llama, self.write(tmp_path / "a.jsonl", texts), samples=1, length=8)

    @pytest.mark.parametrize("line", ["{", '{"txt": "a"}', '{"text": 1}', "[1]", "\xff"])
    def test_a_line_that_is_no_document_is_named(self, llama, tmp_path, line):
        path = tmp_path / "a.jsonl"
        path.write_bytes(b'{"text": "w1"}\n' + line.encode("latin-1") + b"\n")
        with pytest.raises(SpecError, match="line 2: expected a JSON object"):
            calibrate(llama, str(path), samples=1, length=8)

    def test_a_broken_archive_is_refused(self, llama, tmp_path):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(gzip.compress(b'{"text": "w1"}\n' * 1000)[:30])
        with pytest.raises(SpecError, match="ends too early"):
            calibrate(llama, str(path), samples=1, length=8)


class TestTokenIds:
    def write(self, folder, array):
        np.save(folder / "ids.npy", array, allow_pickle=True)
        return str(folder / "ids.npy")

    def test_windows_are_drawn_once_each(self, llama, tmp_path):
        given = np.arange(40, dtype=np.int32).reshape(10, 4)
        tokens = calibrate(llama, self.write(tmp_path, given), samples=10, length=4, seed=3)
        assert tokens.dtype == torch.int64
        assert sorted(tokens.tolist()) == given.tolist()
        assert tokens.tolist() != given.tolist()

    def test_one_long_row_is_a_text(self, llama, tmp_path):
        tokens = calibrate(llama, self.write(tmp_path, np.arange(30)), samples=9, length=5)
        assert (tokens.diff(dim=1) == 1).all()

    def test_other_sizes_than_it_holds_are_refused(self, llama, tmp_path):
        source = self.write(tmp_path, np.zeros((3, 4), dtype=np.int64))
        for samples, length in ((4, 4), (3, 3)):
            with pytest.raises(SpecError, match="holds 3 windows of 4 tokens"):
                calibrate(llama, source, samples=samples, length=length)

    @pytest.mark.parametrize(
        "array", [np.zeros(9), np.array([{}], dtype=object), np.zeros((2, 2, 2), dtype=int)]
    )
    def test_what_is_no_token_ids_is_refused(self, llama, tmp_path, array):
        with pytest.raises(SpecError, match=r"ids\.npy"):
            calibrate(llama, self.write(tmp_path, array), samples=1, length=2)


def test_the_identity_of_a_source_follows_its_content(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    one = corpus.identity(str(path))
    path.write_text("two")
    assert corpus.identity(str(path)) != one
    assert corpus.identity("self") == "self"
    with pytest.raises(SpecError, match="cannot read"):
        corpus.identity(str(tmp_path / "absent"))
