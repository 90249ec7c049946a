"""Which items become anchors, and why? A map of all items, and how stable the choice is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.matrix import FloatArray, ResponseMatrix, fill_missing, refuse


def item_map(matrix: ResponseMatrix, estimator: AnchorEstimator) -> pd.DataFrame:
    """Return what makes an item an anchor: one row per item.

    Parameters
    ----------
    matrix
        The training models' answers.
    estimator
        Fitted on them.

    Returns
    -------
    DataFrame
        item, category (empty if there is one only), difficulty (share of models that fail),
        discrimination (correlation with the mean of the *other* items, 0 for a constant item),
        anchor (bool), place (of an anchor in `anchors_`, -1 for the others).
    """
    scores = fill_missing(matrix.scores)
    refuse(
        int(estimator.anchors_.max()) >= scores.shape[1],
        f"the estimator was fitted on other items: anchor {estimator.anchors_.max()} of "
        f"{scores.shape[1]}",
    )
    place = np.full(scores.shape[1], -1)
    place[estimator.anchors_] = np.arange(len(estimator.anchors_))
    return pd.DataFrame(
        {
            "item": matrix.items,
            "category": matrix.categories or ("",) * scores.shape[1],
            "difficulty": 1 - scores.mean(axis=0),
            "discrimination": discrimination(scores),
            "anchor": place >= 0,
            "place": place,
        }
    )


def discrimination(scores: FloatArray) -> FloatArray:
    """Return float (items,): each item's correlation with the mean of the others.

    Parameters
    ----------
    scores
        float (models, items). An item or a rest that does not vary has discrimination 0.
    """
    n_items = scores.shape[1]
    if n_items == 1:
        return np.zeros(1)
    centred = scores - scores.mean(axis=0)
    rest = (centred.sum(axis=1, keepdims=True) - centred) / (n_items - 1)
    shared = np.einsum("mi,mi->i", centred, rest)
    length = np.sqrt(np.einsum("mi,mi->i", centred, centred) * np.einsum("mi,mi->i", rest, rest))
    return np.where(length > 1e-12, shared / np.where(length > 1e-12, length, 1), 0.0)


def stability(
    matrix: ResponseMatrix, estimator: AnchorEstimator, draws: int = 20, share: float = 0.8
) -> pd.DataFrame:
    """Return how often every item is chosen when models are left out.

    Parameters
    ----------
    matrix
        The models' answers.
    estimator
        Its settings and seed are used; it is not changed.
    draws
        How many random halves or shares of the models are fitted.
    share
        Of the models in each, drawn without replacement (draw d with seed d).

    Returns
    -------
    DataFrame
        item, frequency (share of draws in which it became an anchor), sorted, most frequent first.
        A random choice has frequency K / items everywhere; a stable one 1 on K items.
    """
    refuse(draws < 1, f"draws must be at least 1, got {draws}")
    refuse(not 0 < share <= 1, f"share must lie in (0, 1], got {share}")
    n_models, n_items = matrix.shape
    target = None if matrix.plain else matrix.target
    counts = np.zeros(n_items)
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        rows = np.sort(rng.choice(n_models, max(2, round(share * n_models)), replace=False))
        fresh = replace(estimator)
        fresh.start(matrix.scores[rows], None if target is None else target[rows])
        fresh.choose()
        counts[fresh.anchors_] += 1
    table = pd.DataFrame({"item": matrix.items, "frequency": counts / draws})
    return table.sort_values("frequency", ascending=False, kind="stable", ignore_index=True)
