"""The developer page's examples do what they claim, plugged in where the page says."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import illusion_lib as il
from illusion_lib import anchors
from illusion_lib.items.sources import SOURCES
from illusion_lib.probes.batch import Batch, ask
from illusion_lib.probes.session import Session
from illusion_lib.pruning.registry import METHODS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "book" / "examples"


def example(name, as_module=None):
    """Import an example; under another name, as if it lay in the package."""
    spec = importlib.util.spec_from_file_location(as_module or name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model():
    return il.load_model(il.ModelSpec("tiny-random", dtype="float32"), "cpu")


def test_the_page_shows_every_example():
    page = (ROOT / "book" / "developer.md").read_text(encoding="utf-8")
    shown = re.findall(r"\{literalinclude\} examples/(\w+)\.py", page)
    assert sorted(shown) == sorted(path.stem for path in EXAMPLES.glob("*.py"))
    assert all(len(path.read_text().splitlines()) <= 40 for path in EXAMPLES.glob("*.py"))


def test_pruning_method(model, monkeypatch):
    module = example("pruning_method", "illusion_lib.pruning.row_scaled")
    monkeypatch.setitem(METHODS, "row_scaled", module.METHOD)
    before = {n: p.detach().clone() for n, p in model.net.named_parameters()}
    report = il.prune(model, il.PruneSpec("row_scaled", sparsity=0.5))
    assert report.sparsity == pytest.approx(0.5, abs=0.01)
    name = "model.layers.0.mlp.up_proj.weight"
    old, new = before[name].numpy(), dict(model.net.named_parameters())[name].detach().numpy()
    relative = np.abs(old) / np.abs(old).mean(axis=1, keepdims=True)
    assert relative[new == 0].max() <= relative[new != 0].min()
    assert (new[new != 0] == old[new != 0]).all()


def test_item_source(monkeypatch):
    module = example("item_source", "illusion_lib.items.sums")
    monkeypatch.setitem(SOURCES, "sums", module.SOURCE)
    items = il.load_items("sums", languages=["en", "de"], relations=["sum"], limit=5)
    assert len(items) == 10
    for item in items:
        a, b = map(int, re.findall(r"\d+", item.question))
        assert item.answer == str(a + b)
        assert item.answer not in item.distractors


def test_probe(model):
    items = il.load_items("facts", languages=["en"], relations=["capital"], limit=3)
    session = Session(model, items, il.ProbeSpec(probes=("open",)), lambda *_: None)
    asked = [ask(session, item) for item in items]
    batch = Batch.of(session, items, {"open": [one["open"] for one in asked]})
    found = example("probe").denial(batch)
    for item, one in zip(items, asked, strict=True):
        prompt = one["open"][0].text
        said, denied = (
            _log_prob(model, session, prompt, session.spaced(item, text))
            for text in (item.answer, f"not {item.answer}")
        )
        assert found[item.id] == pytest.approx(said - denied, abs=1e-4)


def _log_prob(model, session, prompt, ending):
    """Mean log-probability of `ending`, from one plain forward pass."""
    head, (tail,) = session.encoder.join(prompt, [ending])
    ids = torch.tensor([[*head, *tail]])
    with torch.no_grad():
        scores = model.net(ids).logits[0].double().log_softmax(-1)
    return scores[len(head) - 1 : -1].gather(1, torch.tensor(tail)[:, None]).mean().item()


def test_estimator():
    rng = np.random.default_rng(0)
    ability, ease = rng.normal(size=(60, 1)), rng.normal(size=200)
    scores = (rng.random((60, 200)) < 1 / (1 + np.exp(-2 * ability - ease))).astype(float)
    kind = example("estimator").SpreadAnchors
    fitted = kind(n_anchors=20).fit(scores[:40])
    assert isinstance(fitted, anchors.Estimator)
    spread = scores[:40].var(axis=0)
    assert spread[fitted.anchors_].min() >= np.delete(spread, fitted.anchors_).max()
    truth = scores[40:].mean(axis=1)
    answers = scores[40:, fitted.anchors_]
    guess = np.abs(scores[:40].mean() - truth).mean()
    assert np.abs(fitted.predict(answers) - truth).mean() < guess / 2
    low, high = fitted.interval(answers)
    assert ((low <= truth) & (truth <= high)).mean() > 0.7
    same = dataclasses.replace(fitted).fit(scores[:40])
    assert (same.anchors_ == fitted.anchors_).all()
