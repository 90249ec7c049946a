"""Continuations share what they have in common."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from illusion_lib.probes.tree import Tree

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
