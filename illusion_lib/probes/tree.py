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
