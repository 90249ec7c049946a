"""The load benchmark at a reduced size: what it measures is right, and nowhere near its limits."""

import importlib.util
from pathlib import Path

import pytest

from illusion_lib.runs import plan as plan_module
from illusion_lib.runs import sweep as sweep_module
from illusion_lib.runs.store import Store

PATH = Path(__file__).parents[2] / "benchmarks" / "load.py"
CELLS = 201  # 200 pruned ones and the dense one


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("benchmark_load", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_large_store_is_planned_seen_and_loaded(bench, tmp_path, monkeypatch):
    looked = []
    real = plan_module.find_checkpoint
    monkeypatch.setattr(plan_module, "find_checkpoint", lambda m: looked.append(m) or real(m))
    assert bench.fill(Store(tmp_path), bench.study_of(200)) == CELLS
    for step in ("plan", "status"):
        found, seconds = bench.timed(getattr(bench, step), tmp_path)
        assert found == CELLS
        assert seconds < bench.LIMITS[step]
    rows = 4 * 10 * CELLS
    assert bench.load(tmp_path) == rows
    assert len(looked) == 4  # to fill, to plan, for the status, to load: once each, not per cell
    monkeypatch.setattr(Store, "get", lambda *_: pytest.fail("a cell was read by itself"))
    monkeypatch.setattr(sweep_module, "gather", lambda *_: pytest.fail("gathered again"))
    found, seconds = bench.timed(bench.load, tmp_path)
    assert found == rows
    assert seconds < bench.LIMITS["load"]


def test_many_rows_are_summarised(bench):
    line = bench.measure("summary", 100_000)
    assert line["size"] == 3 * 2400 * 14
    assert line["seconds"] < bench.LIMITS["summary"]
