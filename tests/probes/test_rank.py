"""The slot is the best place along the first line."""

from __future__ import annotations

from illusion_lib.probes.rank import Slot, find_slot, first_line


def test_the_earliest_best_place_is_the_slot():
    ranks = [[40, 9, 3], [7, 1, 3], [1, 1, 2]]
    assert find_slot(ranks, [0, 1], 3) == Slot(place=1, form=1, rank=1)
    assert find_slot(ranks, [0], 3) == Slot(place=2, form=0, rank=1)
    assert find_slot(ranks, [0], 1) == Slot(place=0, form=0, rank=40)
    assert find_slot(ranks, [2], 3) == Slot(place=2, form=0, rank=2)


def test_the_first_line_may_follow_a_line_break():
    newlines = frozenset({9})
    assert first_line([1, 2, 9, 3], newlines) == 2
    assert first_line([9, 9, 1, 2, 9], newlines) == 4
    assert first_line([1, 2], newlines) == 2
    assert first_line([], newlines) == 0
