"""What a cell is expected to cost: by what its like has taken, by its size before that."""

from dataclasses import replace
from typing import get_args

import fake_cells
import pytest

from illusion_lib.records import Probe
from illusion_lib.runs import cell as cell_module
from illusion_lib.runs.cost import _item_tokens, plan_costs
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.store import Store
from illusion_lib.runs.sweep import run_study
from illusion_lib.specs import TaskSpec


def test_every_probe_has_a_cost(small_study):
    cell = small_study.cells()[0]
    for probe in get_args(Probe):
        asked = replace(cell, probe=replace(cell.probe, probes=(probe,)))
        assert _item_tokens(asked) >= 0


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Return a store of two finished cells, which took 3 s to set up and 1 s a question."""
    monkeypatch.setattr(cell_module, "_compute", fake_cells.compute)
    monkeypatch.setattr(fake_cells, "SECONDS", {"load": 3.0, "probe": 2.0})
    run_study(fake_cells.study(2), Store(tmp_path))
    return Store(tmp_path)


def test_a_finished_cell_costs_what_it_took_and_its_like_in_proportion(measured):
    done = plan_costs(fake_cells.study(2).cells(), measured)
    assert [(c.finished, c.seconds, c.measured) for c in done] == [(True, 5.0, True)] * 2
    larger = replace(fake_cells.study(3), tasks=(TaskSpec(languages=("en",), limit=10),))
    (dense, *pruned) = plan_costs(larger.cells(), measured)
    assert [(c.finished, c.seconds, c.measured) for c in pruned] == [(False, 13.0, True)] * 2
    assert (dense.seconds, dense.measured) == (13.0, True)


def test_what_nothing_is_known_of_is_estimated(tmp_path, small_study):
    costs = plan_costs(small_study.cells(), Store(tmp_path))
    assert all(not cost.finished and not cost.measured and cost.seconds > 0 for cost in costs)


def test_a_strange_manifest_is_no_measure_and_a_plan_moves_nothing(measured):
    for folder in (measured.root / "cells").glob("*/*"):
        text = (folder / MANIFEST).read_text().replace('"count": 2', '"count": "many"')
        (folder / MANIFEST).write_text(text)
        (folder / "records.parquet").write_bytes(b"")
    costs = plan_costs(fake_cells.study(3).cells(), measured)
    assert [cost.finished for cost in costs] == [True, True, False]
    assert not costs[2].measured
    assert not (measured.root / "quarantine").exists()
