"""A model loads without gradients or noise, and its weights have a fingerprint."""

import importlib.util
import json

import pytest
import torch

from illusion_lib.errors import ModelError
from illusion_lib.items import load_items
from illusion_lib.models import load_model, resolve_dtype, weight_fingerprint
from illusion_lib.probes import run_ladder
from illusion_lib.specs import ModelSpec, ProbeSpec


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


def saved(folder, tiny, **config):
    """Write the tiny model with some settings of its config replaced."""
    tiny.net.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return folder


@pytest.mark.parametrize("config", [{"hidden_size": "x"}, {"num_attention_heads": 0}])
def test_a_senseless_config_is_refused_in_one_line(tiny, tmp_path, config):
    with pytest.raises(ModelError, match="cannot load") as refused:
        load_model(str(saved(tmp_path, tiny, **config)))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("bad", [lambda b: b[:-500], lambda b: b"x" * 100, lambda b: b""])
def test_damaged_weights_are_refused_in_one_line(tiny, tmp_path, bad):
    file = saved(tmp_path, tiny) / "model.safetensors"
    file.write_bytes(bad(file.read_bytes()))
    with pytest.raises(ModelError, match="check that its files are whole") as refused:
        load_model(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_weights_that_are_not_there_are_not_made_up(tiny, tmp_path):
    """Without this refusal the third block would be random, with a warning nobody reads."""
    path = saved(tmp_path, tiny, num_hidden_layers=3)
    with pytest.raises(ModelError, match=r"lacks 9 weights \(model\.layers\.2"):
        load_model(str(path))


def quantised(folder, tiny, **config):
    """Write the tiny model with a config that says how its weights are quantised."""
    return str(saved(folder, tiny, quantization_config=config))


@pytest.mark.parametrize(
    ("method", "settings", "package"),
    [
        ("gptq", {"bits": 4, "group_size": 128}, "optimum"),
        ("awq", {"bits": 4, "group_size": 128}, "gptqmodel"),
        ("bitsandbytes", {"load_in_4bit": True}, "bitsandbytes"),
    ],
)
def test_a_missing_package_is_named(tiny, tmp_path, method, settings, package):
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    path = quantised(tmp_path, tiny, quant_method=method, **settings)
    with pytest.raises(ModelError, match=rf"quantised \({method}\).*{package}"):
        load_model(path)


def test_an_unknown_format_is_refused(tiny, tmp_path):
    with pytest.raises(ModelError, match=r"none-such.*newer transformers"):
        load_model(quantised(tmp_path, tiny, quant_method="none-such"))


def test_quantised_weights_are_placed_when_read_and_probed(tiny, tmp_path, monkeypatch):
    """A stand-in for a format that the installed transformers loads."""
    from transformers.quantizers import auto
    from transformers.quantizers.base import HfQuantizer
    from transformers.utils.quantization_config import QuantizationConfigMixin

    class Config(QuantizationConfigMixin):
        def __init__(self, **settings):
            self.quant_method = "stand-in"

    class Quantizer(HfQuantizer):
        requires_calibration = False
        is_serializable = True
        is_trainable = False

        def validate_environment(self, *args, device_map=None, **settings):
            placed.append(device_map)

    placed = []
    monkeypatch.setitem(auto.AUTO_QUANTIZER_MAPPING, "stand-in", Quantizer)
    monkeypatch.setitem(auto.AUTO_QUANTIZATION_CONFIG_MAPPING, "stand-in", Config)
    model = load_model(quantised(tmp_path, tiny, quant_method="stand-in"), device="cpu")
    assert placed == [{"": "cpu"}]
    assert "quantised (stand-in)" in model.note
    items = load_items(limit=2, languages=("en",))
    right = run_ladder(tiny, items, ProbeSpec(probes=("choice",)))
    found = run_ladder(model, items, ProbeSpec(probes=("choice",)))
    assert [r.log_prob_sum for r in found] == [r.log_prob_sum for r in right]
