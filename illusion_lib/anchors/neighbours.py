"""What do other variants teach about this one? A guess from those that other methods made.

A variant's neighbours are those to which the gold answers are about as likely, item by item: what
they said of an item tells more than what all variants said of it. Whole methods are left out, for
two calibration draws of one method are nearly the same model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from illusion_lib.anchors.guess import CHEAP, KNOWN, Guess
from illusion_lib.anchors.matrix import FloatArray

NEAR = 1.0
"""Root mean squared difference of log-probs, in nats, at which a neighbour still counts much."""
_DOUBTED = 0.25  # of a neighbour, added each way, so that no share is 0 or 1


class Neighbours:
    """Variants of a zoo, each asked the same items, ready to teach those of methods left out.

    Parameters
    ----------
    rows
        As of `illusion_lib.anchors.zoo.Zoo`: one per variant and item.

    Attributes
    ----------
    variants, methods
        Names, in order of appearance; and the method that made each: str (variants,).
    said, tokens
        float (variants, items): whether the open answer was right, and its length; items in
        order of their ids.
    cheap
        DataFrame: `CHEAP` of every variant and item, variant by variant.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.variants = tuple(rows["variant"].drop_duplicates())
        place = rows["variant"].map({name: n for n, name in enumerate(self.variants)})
        ordered = rows.assign(place=place).sort_values(["place", "item_id"], ignore_index=True)
        shape = len(self.variants), ordered["item_id"].nunique()
        self.methods = ordered["method"].to_numpy(dtype=str).reshape(shape)[:, 0]
        self.said: FloatArray = ordered["said"].to_numpy(dtype=np.float64).reshape(shape)
        self.tokens: FloatArray = ordered["answer_tokens"].to_numpy(np.float64).reshape(shape)
        self.cheap = ordered[list(CHEAP)]
        log_prob = np.maximum(ordered["log_prob"].to_numpy(np.float64), -50).reshape(shape)
        square = (log_prob**2).sum(axis=1)
        apart = square[:, None] + square - 2 * log_prob @ log_prob.T  # (variants, variants)
        self._apart = np.maximum(apart, 0) / shape[1]

    def guesses(
        self, without: Collection[str], told: bool = True
    ) -> Iterator[tuple[int, FloatArray]]:
        """Yield the place of every variant of the methods `without`, and the guess for its items.

        The guess is learned on all other methods. If `told`, it also reads what neighbours said,
        and each method teaches as it will be asked: with neighbours made by yet other methods.
        """
        left = np.isin(self.methods, list(without))
        cheap = self.cheap
        if told:
            known = np.empty_like(self.said)
            known[left] = self._share(left, ~left)
            for method in np.unique(self.methods[~left]):
                own = self.methods == method
                known[own] = self._share(own, ~left & ~own)
            cheap = cheap.assign(**{KNOWN: known.ravel()})
        asked = np.repeat(left, self.said.shape[1])
        said = pd.Series(self.said.ravel()[~asked] > 0.5)
        chances = Guess.of(cheap[~asked], said)(cheap[asked]).reshape(-1, self.said.shape[1])
        yield from zip(np.flatnonzero(left).tolist(), chances, strict=True)

    def _share(self, judged: np.ndarray, teachers: np.ndarray) -> FloatArray:
        """Return the share of neighbours that said each item: float (judged, items) in (0, 1)."""
        apart = self._apart[np.ix_(judged, teachers)]  # (judged, teachers)
        # The nearest counts as one whole, however far it is.
        nearest = apart.min(axis=1, keepdims=True, initial=np.inf)
        weight = np.exp(-(apart - nearest) / (2 * NEAR**2))
        share = weight @ self.said[teachers] + _DOUBTED
        return np.asarray(share / (weight.sum(axis=1, keepdims=True) + 2 * _DOUBTED))
