"""The load benchmark at a reduced size: what it measures is right, and nowhere near its limits."""

import importlib.util
from pathlib import Path

import pytest

from illusion_lib.runs import plan as plan_module

PATH = Path(__file__).parents[2] / "benchmarks" / "load.py"


@pytest.fixture(scope="module")
def load():
    spec = importlib.util.spec_from_file_location("benchmark_load", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_large_store_is_planned_seen_and_loaded(load, tmp_path, monkeypatch):
    looked = []
    real = plan_module.find_checkpoint
    monkeypatch.setattr(plan_module, "find_checkpoint", lambda m: looked.append(m) or real(m))
    seconds, rows = load.measure_store(200, tmp_path)
    assert rows == 4 * 201  # 200 pruned cells and the dense one, four questions each
    assert len(looked) == 4  # to fill, to plan, for the status, to load: once each, not per cell
    assert all(seconds[name] < load.LIMITS[name] for name in ("plan", "status", "load"))


def test_many_rows_are_summarised(load):
    assert load.measure_summary(40_000)["summary"] < load.LIMITS["summary"]
