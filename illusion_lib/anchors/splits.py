"""Which models teach and which are judged? Four fair splits, and leave-one-out for few models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from illusion_lib.anchors.matrix import FloatArray, IntArray, fill_missing, refuse

SplitName = Literal["random", "clone_free", "family", "extrapolation", "leave_one_out"]
CLONE = 0.9
"""Two models are clones if they answer at least this share of items alike."""


@dataclass(frozen=True)
class Fold:
    """Row indices of the models that teach (`train`) and of those that are judged (`test`)."""

    train: IntArray
    test: IntArray


def split(
    name: SplitName,
    scores: FloatArray,
    seed: int = 0,
    families: Sequence[str] | None = None,
    target: FloatArray | None = None,
) -> list[Fold]:
    """Split the models.

    Parameters
    ----------
    name
        ``random``: 80 % teach, 20 % are judged. ``clone_free``: the same, without training models
        that answer like a test model. ``family``: whole families are judged, about 20 % of the
        models. ``extrapolation``: 90 % of the worst half teach, 90 % of the best 30 % are judged,
        drawn anew per seed. ``leave_one_out``: every model is judged once.
    scores
        float (models, items).
    seed
        Of the draw.
    families
        Per model; ``family`` needs it.
    target
        float (models,): full scores; row means if None. ``extrapolation`` sorts by it.

    Returns
    -------
    list of Fold
        One fold, or one per model; train and test never share a model.
    """
    refuse(
        name not in get_args(SplitName),
        f"unknown split {name!r}; choose one of: " + ", ".join(get_args(SplitName)),
    )
    n_models = len(scores)
    refuse(n_models < 4, f"{n_models} models cannot be split; at least 4 are needed")
    rng = np.random.default_rng(seed)
    if name == "leave_one_out":
        everyone = np.arange(n_models)
        return [Fold(np.delete(everyone, m), np.array([m])) for m in everyone]
    if name == "extrapolation":
        means = fill_missing(scores).mean(axis=1) if target is None else target
        return [_extrapolation(means, rng)]
    if name == "family":
        refuse(families is None, "the family split needs families; give ResponseMatrix families=")
        assert families is not None
        return [_family(families, rng)]
    order = rng.permutation(n_models)
    n_test = max(1, round(0.2 * n_models))
    test, train = np.sort(order[:n_test]), np.sort(order[n_test:])
    if name == "clone_free":
        train = train[(agreement(scores[train], scores[test]) < CLONE).all(axis=1)]
        refuse(
            len(train) < 2, "every training model is a clone of a test model; no clone-free split"
        )
    return [Fold(train, test)]


def hub_families(models: Sequence[str]) -> tuple[str, ...] | None:
    """Return the organisation of every model named like a hub id; None if some name has none."""
    parts = [name.partition("/") for name in models]
    return tuple(owner for owner, _, _ in parts) if all(name for _, _, name in parts) else None


def agreement(these: FloatArray, those: FloatArray) -> FloatArray:
    """Return the share of items on which models answer alike.

    Parameters
    ----------
    these, those
        float (n, items) and (m, items) in [0, 1].

    Returns
    -------
    float (n, m)
        Mean of x y + (1 - x)(1 - y) over items answered by both: exact agreement for 0/1 scores,
        its expectation for scores in between.
    """
    seen_a, seen_b = ~np.isnan(these), ~np.isnan(those)
    a, b = np.where(seen_a, these, 0.0), np.where(seen_b, those, 0.0)
    both = seen_a.astype(float) @ seen_b.T.astype(float)
    alike = a @ b.T + (seen_a - a) @ (seen_b - b).T
    share: FloatArray = alike / np.maximum(both, 1)
    return share


def _family(families: Sequence[str], rng: np.random.Generator) -> Fold:
    names, member = np.unique(np.asarray(families), return_inverse=True)
    refuse(len(names) < 2, f"one family only ({names[0]!r}); a family split needs two")
    wanted = max(1, round(0.2 * len(member)))
    test: list[int] = []
    for family in rng.permutation(len(names)):
        rows = np.flatnonzero(member == family).tolist()
        # A family that would make the test set more than half too large stays with the teachers.
        if len(test) + len(rows) <= 1.5 * wanted:
            test += rows
        if len(test) >= wanted:
            break
    if not test:
        smallest = int(np.argmin(np.bincount(member)))
        test = np.flatnonzero(member == smallest).tolist()
    rest = np.setdiff1d(np.arange(len(member)), test)
    return Fold(rest, np.sort(np.array(test)))


def _extrapolation(means: FloatArray, rng: np.random.Generator) -> Fold:
    order = np.argsort(means, kind="stable")
    n = len(order)
    worst, best = order[: max(2, n // 2)], order[n - max(1, round(0.3 * n)) :]
    train = rng.choice(worst, max(2, round(0.9 * len(worst))), replace=False)
    test = rng.choice(best, max(1, round(0.9 * len(best))), replace=False)
    return Fold(np.sort(train), np.sort(test))
