"""A model card begins as a hub reads it: valid YAML, a base model only where there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from illusion_lib.models import load_model
from illusion_lib.pruning import Perplexity, prune
from illusion_lib.runs.card import Exported, model_card
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec


@pytest.mark.parametrize(
    ("name", "base"),
    [("owner/model-1.5B", "owner/model-1.5B"), ("tiny-random", None), ("here/folder", None)],
)
def test_the_head_names_a_base_model_that_the_hub_has(tmp_path, monkeypatch, name, base):
    monkeypatch.chdir(tmp_path)
    Path("here/folder").mkdir(parents=True)
    model = load_model(ModelSpec("tiny-random", dtype="float32"), "cpu")
    spec = PruneSpec("magnitude", 0.5)
    done = Exported(prune(model, spec), Perplexity(2.0, 8, 8), Perplexity(3.0, 8, 8), "self")
    model.spec = replace(model.spec, name=name)
    card = model_card(model, spec, CalibrationSpec(), done)
    _, head, body = card.split("---\n", 2)
    found = yaml.safe_load(head)
    assert found.get("base_model") == base
    assert found["library_name"] == "transformers"
    assert found["tags"] == ["compressed", "magnitude"]
    assert f"Pruned from `{name}`" in body
