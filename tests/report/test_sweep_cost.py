"""The cost model adds up what was measured, and packs it onto devices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.report.sweep_cost import (
    makespan,
    measured,
    measured_table,
    planned,
    planned_table,
)


def test_measured_costs_are_the_manifests_own(study_result):
    costs = measured(study_result)
    assert dict(costs["cells"]) == {"dense": 1, "magnitude": 2, "wanda": 3}
    assert costs["setup"].tolist() == pytest.approx([0.1] * 3)
    assert costs["item"].tolist() == pytest.approx([1 / 24] * 3)
    assert "0.04" in measured_table(study_result).content


def test_a_plan_is_cells_times_seconds(study_result):
    seconds = planned(measured(study_result), models=3, prunings=10, items=2400, speed=10)
    assert len(seconds) == 33
    assert seconds == pytest.approx([(0.1 + 2400 / 24) / 10] * 33)
    shown = planned_table(study_result, 3, 10, 2400, 8, speeds=(10,)).content
    assert "33 cells of 2\u202f400 questions" in shown
    assert "50 s" in shown  # five rounds of ten seconds


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=30), st.integers(1, 9))
def test_devices_never_beat_their_sum_nor_the_longest_cell(seconds, devices):
    found = makespan(seconds, devices)
    least = max(sum(seconds) / devices, max(seconds))
    assert least <= found * (1 + 1e-9)
    assert found <= 2 * least * (1 + 1e-9)
    assert makespan(seconds, 1) == pytest.approx(sum(seconds))
