"""A model loads without gradients or noise, and its weights have a fingerprint."""

import pytest
import torch

from illusion_lib.errors import ModelError
from illusion_lib.models import load_model, resolve_dtype, weight_fingerprint
from illusion_lib.specs import ModelSpec


@pytest.fixture(scope="module")
def tiny():
    return load_model("tiny-random")


def test_a_loaded_model_is_frozen_and_quiet(tiny, capfd):
    load_model("tiny-random")
    assert capfd.readouterr() == ("", "")
    assert not tiny.net.training
    assert not any(weight.requires_grad for weight in tiny.net.parameters())
    assert tiny.tokenizer.padding_side == "left"
    assert tiny.tokenizer.pad_token_id is not None


def test_the_dtype_is_resolved_and_kept(tiny):
    assert tiny.spec.dtype in ("float32", "bfloat16")
    assert resolve_dtype(tiny.spec) is tiny.spec
    half = load_model(ModelSpec("tiny-random", dtype="bfloat16"))
    assert half.net.dtype == torch.bfloat16
    assert half.fingerprint == tiny.fingerprint


def test_the_weight_fingerprint_sees_one_changed_weight():
    model = load_model("tiny-random")
    before = weight_fingerprint(model.net)
    assert weight_fingerprint(load_model("tiny-random").net) == before
    next(model.net.parameters())[0, 0] += 1e-3
    assert weight_fingerprint(model.net) != before


def test_a_saved_model_loads_from_its_folder(tiny, tmp_path):
    tiny.net.save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    again = load_model(str(tmp_path))
    assert weight_fingerprint(again.net) == weight_fingerprint(tiny.net)


def test_a_folder_of_another_kind_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no-such-architecture"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot load"):
        load_model(str(tmp_path))


@pytest.mark.slow
def test_the_embedded_model_knows_the_capital_of_france():
    model = load_model("smollm2-135m-instruct")
    prompt = model.tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.net.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in model.tokenizer.decode(output[0])
