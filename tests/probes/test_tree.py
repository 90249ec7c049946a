"""Continuations share what they have in common, and are grouped so that little is padding."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.probes.tree import Tree, groups_by_width

SEQUENCES = st.lists(st.lists(st.integers(0, 2), max_size=5), min_size=1, max_size=8)


@given(SEQUENCES)
def test_a_tree_holds_every_beginning_once(sequences):
    tree = Tree()
    paths = [tree.add(ids) for ids in sequences]
    beginnings = {tuple(ids[: k + 1]) for ids in sequences for k in range(len(ids))}
    assert len(tree.tokens) == len(beginnings)
    seen = tree.lineage()
    for ids, path in zip(sequences, paths, strict=True):
        assert [tree.tokens[node] for node in path] == ids
        assert [tree.depths[node] for node in path] == list(range(len(ids)))
        for depth, node in enumerate(path):
            assert np.flatnonzero(seen[node]).tolist() == sorted(path[: depth + 1])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(0, 20))
def test_no_other_grouping_is_cheaper(widths, call):
    groups = groups_by_width(widths, call)
    real = sorted((row for row, width in enumerate(widths) if width), key=lambda r: -widths[r])
    assert sorted(row for group in groups for row in group) == sorted(real)

    def cost(cut: list[list[int]]) -> int:
        return sum(call + len(g) * max(widths[row] for row in g) for g in cut)

    best = min(
        (
            cost([real[a:b] for a, b in itertools.pairwise([0, *cuts, len(real)])])
            for size in range(len(real))
            for cuts in itertools.combinations(range(1, len(real)), size)
        ),
        default=0,
    )
    assert cost(groups) == best
