"""What a cell is expected to cost, before anything of its kind has been measured."""

from dataclasses import replace
from typing import get_args

from illusion_lib.records import Probe
from illusion_lib.runs.cost import _item_tokens


def test_every_probe_has_a_cost(small_study):
    cell = small_study.cells()[0]
    for probe in get_args(Probe):
        asked = replace(cell, probe=replace(cell.probe, probes=(probe,)))
        assert _item_tokens(asked) >= 0
