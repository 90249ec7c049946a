"""Memory: what runs out is halved and goes on, and no logits tensor grows with the prompts."""

from __future__ import annotations

import dataclasses
import functools

import pytest
import torch

from illusion_lib.probes import Budget, head, run_ladder
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.head import Head
from illusion_lib.runs.cell import run_cell
from illusion_lib.runs.store import Store
from illusion_lib.specs import CellSpec, ModelSpec, ProbeSpec, TaskSpec

SPEC = ProbeSpec(max_new_tokens=6, beams=3, samples=4, demonstrations=1)


def said(records):
    return [(r.item_id, r.probe, r.target, r.output, r.outputs) for r in records]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_the_ladder_goes_on_with_half_the_batch(model, items, monkeypatch, error):
    right = said(run_ladder(model, items, SPEC))
    forward, budget = model.net.model.forward, Budget()

    @functools.wraps(forward)  # the engine reads its signature
    def small(*args, input_ids, **kwargs):
        if input_ids.numel() > 300:
            raise error
        return forward(*args, input_ids=input_ids, **kwargs)

    monkeypatch.setattr(model.net.model, "forward", small)
    assert said(run_ladder(model, items, SPEC, budget=budget)) == right
    assert budget.halvings > 0


def test_the_manifest_tells_how_often_memory_ran_out(tmp_path, monkeypatch):
    prefill, failed = Engine.prefill, []

    def once(self, prompts, alike=None):
        if len(prompts) > 4 and not failed:
            failed.append(len(prompts))
            raise MemoryError
        return prefill(self, prompts, alike)

    task = TaskSpec(languages=("en",), limit=4)
    spec = dataclasses.replace(SPEC, probes=("open", "choice", "candidates"))
    cell = CellSpec(ModelSpec("tiny-random"), task=task, probe=spec)
    monkeypatch.setattr(Engine, "prefill", once)
    manifest = run_cell(cell, Store(tmp_path)).manifest
    assert len(failed) == manifest.memory_halvings == 1


def test_another_error_is_not_taken_for_memory(model, items, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    Engine.of(model.net)
    monkeypatch.setattr(Engine, "prefill", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        run_ladder(model, items, SPEC)


@pytest.mark.parametrize("words", [1, 40])
def test_logits_are_bounded_whatever_the_prompts(model, items, monkeypatch, words):
    largest, apply = [0], Head.__call__
    bound = 20_000

    def watched(self, hidden):
        logits = apply(self, hidden)
        largest[0] = max(largest[0], logits.numel())
        return logits

    monkeypatch.setattr(head, "_CHUNK", bound)
    monkeypatch.setattr(Head, "__call__", watched)
    longer = [dataclasses.replace(i, question="Say. " * words + i.question) for i in items]
    run_ladder(model, longer, SPEC)
    assert bound / 2 < largest[0] <= bound
