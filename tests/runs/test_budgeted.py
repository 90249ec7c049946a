"""Probing within a budget: what is measured is measured, what is estimated is marked as such."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from illusion_lib import load_items, load_model
from illusion_lib.errors import SpecError
from illusion_lib.probes import run_ladder
from illusion_lib.runs.budgeted import probe_within
from illusion_lib.specs import ProbeSpec

SHORT = ProbeSpec(max_new_tokens=3)


@pytest.fixture(scope="module")
def model():
    return load_model("tiny-random")


@pytest.fixture(scope="module")
def items():
    return load_items("facts", languages=["en"], relations=["capital"], limit=40)


@pytest.fixture(scope="module")
def found(model, items):
    return probe_within(model, items, 0.5, spec=SHORT)


def test_all_are_picked_and_only_the_budget_is_generated(found, items):
    probes = [record.probe for record in found.records]
    assert probes.count("choice") == len(items)
    assert probes.count("open") == found.production.n_measured == len(items) // 2
    spoken = [record for record in found.records if record.probe == "open"]
    assert found.generated_right == sum(bool(record.correct) for record in spoken)
    assert found.generated_tokens == sum(record.output_tokens for record in spoken)
    assert found.recognition == np.mean([bool(record.correct) for record in found.records[:40]])


def test_the_gap_is_measured_recognition_less_estimated_production(found):
    gap, low, high = found.production.gap(found.recognition)
    assert gap == found.recognition - found.production.estimate
    assert high - low == pytest.approx(found.production.width)
    assert low <= gap <= high


def test_everything_generated_is_exact(model, items):
    whole = probe_within(model, items[:12], 1.0, spec=SHORT)
    truth = [
        bool(r.correct)
        for r in run_ladder(model, items[:12], ProbeSpec(("open",), max_new_tokens=3))
    ]
    assert whole.production.n_measured == 12
    assert whole.production.width == 0
    assert whole.production.estimate == pytest.approx(np.mean(truth), abs=1 / 12)


def test_a_wanted_width_stops_early(model, items):
    loose = probe_within(model, items, 1.0, width=0.9, spec=SHORT)
    assert loose.production.n_measured == 40  # two batches: the first look
    tight = probe_within(model, items[:30], 0.5, width=1e-6, spec=SHORT)
    assert tight.production.n_measured == 15


def test_what_is_written_keeps_the_two_apart(found, tmp_path):
    found.write(tmp_path / "new")
    held = json.loads((tmp_path / "new" / "estimate.json").read_text())
    assert held["measured"]["recognition"] == found.recognition
    assert held["estimated"]["production"]["estimate"] == found.production.estimate
    assert held["estimated"]["gap"]["low"] <= held["estimated"]["gap"]["estimate"]
    assert pq.read_table(tmp_path / "new" / "measured.parquet").num_rows == len(found.records)


@pytest.mark.parametrize(
    ("share", "width", "message"),
    [
        (0.0, None, "share in"),
        (1.5, None, "share in"),
        (0.01, None, "at least 2"),
        (0.5, 0.0, "width must"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(model, items, share, width, message):
    with pytest.raises(SpecError, match=message):
        probe_within(model, items, share, width)
