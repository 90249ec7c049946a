"""Answers that change with the batch are counted: none in float32, some in bfloat16."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from illusion_lib.probes import batch_flips, run_ladder, stability
from illusion_lib.probes.budget import Budget
from illusion_lib.probes.stability import Flips
from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec, ModelSpec, ProbeSpec, TaskSpec

SPEC = ProbeSpec(max_new_tokens=8)


def test_nothing_flips_in_float32(model, items):
    found = batch_flips(model, items, SPEC)
    assert found == Flips(len(items), 0, 0, found.nats)
    assert found.nats < 1e-4


def test_flips_are_counted_in_bfloat16(model, items):
    coarse = dataclasses.replace(model, net=copy.deepcopy(model.net).to(torch.bfloat16))
    found = batch_flips(coarse, items, SPEC)
    spec = dataclasses.replace(SPEC, probes=("open", "choice"))
    together = run_ladder(coarse, items, spec)
    alone = run_ladder(coarse, items, spec, budget=Budget(1))
    for name in ("open", "choice"):
        differ = [
            a.output != b.output
            for a, b in zip(together, alone, strict=True)
            if (a.probe, a.target) == (name, "gold")
        ]
        assert getattr(found, name) == sum(differ)
    pairs = zip(together, alone, strict=True)
    moved = [np.subtract(a.log_prob_sum, b.log_prob_sum) for a, b in pairs if a.probe == "choice"]
    assert found.nats == pytest.approx(np.abs(moved).max(), abs=1e-6)
    assert found.items == len(items)


def test_what_differs_is_counted_once_an_item(model, items, monkeypatch):
    """The tiny model's sums are too short to differ: let items asked alone answer otherwise."""

    def otherwise(model, items, spec, budget=None):
        found = run_ladder(model, items, spec)
        if budget is None:
            return found
        first = {items[0].id, items[1].id}
        return [
            dataclasses.replace(
                record,
                output="something else" if record.item_id in first else record.output,
                log_prob_sum=record.log_prob_sum and tuple(v + 0.5 for v in record.log_prob_sum),
            )
            for record in found
        ]

    monkeypatch.setattr(stability, "run_ladder", otherwise)
    assert batch_flips(model, items, SPEC) == Flips(len(items), 2, 2, 0.5)


def test_the_manifest_tells_them(tmp_path):
    task = TaskSpec(languages=("en",), limit=4)
    probe = ProbeSpec(probes=("open", "choice"), max_new_tokens=4)
    flips = {}
    for dtype in ("float32", "bfloat16"):
        cell = CellSpec(ModelSpec("tiny-random", dtype=dtype), task=task, probe=probe)
        flips[dtype] = run_cell(cell, Store(tmp_path)).manifest.batch_flips
    assert flips["float32"] == {}
    assert flips["bfloat16"]["items"] == 4
    assert set(flips["bfloat16"]) == {"items", "choice", "open", "nats"}
