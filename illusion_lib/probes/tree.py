"""How the continuations of a prompt lie side by side, what they share computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Tree:
    """Token sequences merged where they begin alike; each node is one token to compute.

    Attributes
    ----------
    tokens, depths
        Token id of each node, and how many tokens come before it in its sequence.

    Examples
    --------
    >>> tree = Tree()
    >>> tree.add([7, 8]), tree.add([7, 9])
    ([0, 1], [0, 2])
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.depths: list[int] = []
        self._parents: list[int] = []
        self._known: dict[tuple[int, int], int] = {}

    def add(self, ids: Sequence[int]) -> list[int]:
        """Return the node of each token of a sequence, making those that are missing."""
        path: list[int] = []
        for depth, token in enumerate(ids):
            parent = path[-1] if path else -1
            node = self._known.setdefault((parent, token), len(self.tokens))
            if node == len(self.tokens):
                self.tokens.append(token)
                self.depths.append(depth)
                self._parents.append(parent)
            path.append(node)
        return path

    def lineage(self) -> np.ndarray:
        """Return which nodes each node may see, itself and its ancestors; bool (nodes, nodes)."""
        seen = np.eye(len(self.tokens), dtype=bool)
        for node, parent in enumerate(self._parents):
            if parent >= 0:
                seen[node] |= seen[parent]
        return seen


def groups_by_width(widths: Sequence[int], call: int) -> list[list[int]]:
    """Return rows in groups to be computed together, each padded to its widest row.

    Minimises the padded size of all groups plus `call` per group. Rows without width are left out.

    Parameters
    ----------
    widths
        Tokens of each row.
    call
        What one more group costs, in tokens.

    Examples
    --------
    >>> groups_by_width([2, 90, 0, 3], call=30)
    [[1], [3, 0]]
    """
    order = sorted((row for row, width in enumerate(widths) if width), key=lambda r: -widths[r])
    cuts = [k for k, row in enumerate(order) if k == 0 or widths[row] != widths[order[k - 1]]]
    ends = [*cuts, len(order)]
    best: dict[int, tuple[int, int]] = {
        0: (0, 0)
    }  # rows placed: least cost, where its group begins
    for end in ends[1:]:
        best[end] = min(
            (best[cut][0] + call + widths[order[cut]] * (end - cut), cut)
            for cut in ends
            if cut < end
        )
    groups, end = [], len(order)
    while end:
        cut = best[end][1]
        groups.append(order[cut:end])
        end = cut
    return groups[::-1]
