"""What does a response matrix hold, and is it sound? Models by items, scores in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from illusion_lib.errors import AnchorError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]


def refuse(condition: bool, message: str) -> None:
    """Raise `AnchorError` with `message` if `condition` holds."""
    if condition:
        raise AnchorError(message)


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """Every model's score on every item, with what is known about models and items.

    Attributes
    ----------
    scores
        float (models, items) in [0, 1]; NaN marks a missing answer.
    models, items
        Unique names of the rows and unique ids of the columns; numbered if not given.
    families
        Per model, whose relative it is (base model or organisation); None if unknown.
    categories
        Per item, its sub-benchmark, relation or language; None if there is one only.
    weights
        Per item, its share in the full score, summing to 1; equal shares if not given.
    full_scores
        Per model, its score on the whole benchmark where `items` is only a part of it; None if
        the weighted mean of the row is the full score.

    Raises
    ------
    AnchorError
        The matrix is malformed; the message names the row, the column or the cell.
    """

    scores: FloatArray
    models: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    families: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    weights: FloatArray | None = None
    full_scores: FloatArray | None = None

    def __post_init__(self) -> None:
        scores = _numbers(self.scores, "scores")
        refuse(
            scores.ndim != 2 or 0 in scores.shape,
            f"scores has shape {scores.shape}; give a table (models, items) with both above zero",
        )
        n_models, n_items = scores.shape
        self._set(scores=_frozen(scores))
        self._set(models=_names(self.models, n_models, "model"))
        self._set(items=_names(self.items, n_items, "item"))
        self._set(families=_labels(self.families, n_models, "families", "model"))
        self._set(categories=_labels(self.categories, n_items, "categories", "item"))
        self._set(weights=self._checked_weights(n_items))
        self._set(full_scores=self._checked_full_scores(n_models))
        self._check_cells()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _checked_weights(self, n_items: int) -> FloatArray:
        if self.weights is None:
            return _frozen(np.full(n_items, 1 / n_items))
        weights = _numbers(self.weights, "weights")
        refuse(weights.shape != (n_items,), f"weights has shape {weights.shape}, not ({n_items},)")
        bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if bad.size:
            first = int(bad[0])
            raise AnchorError(
                f"weights[{first}] (item {self.items[first]!r}) is {weights[first]}; "
                "every weight must be zero or positive"
            )
        refuse(weights.sum() <= 0, "the item weights sum to zero; leave them out for equal shares")
        return _frozen(weights / weights.sum())

    def _checked_full_scores(self, n_models: int) -> FloatArray | None:
        if self.full_scores is None:
            return None
        full = _numbers(self.full_scores, "full_scores")
        refuse(full.shape != (n_models,), f"full_scores has shape {full.shape}, not ({n_models},)")
        bad = np.flatnonzero(~((full >= 0) & (full <= 1)))
        if bad.size:
            first = int(bad[0])
            raise AnchorError(
                f"full_scores[{first}] (model {self.models[first]!r}) is {full[first]}; "
                "full scores must lie in [0, 1]"
            )
        return _frozen(full)

    def _check_cells(self) -> None:
        missing = np.isnan(self.scores)
        bad = np.argwhere(~(missing | ((self.scores >= 0) & (self.scores <= 1))))
        if bad.size:
            row, column = (int(i) for i in bad[0])
            raise AnchorError(
                f"scores[{row}, {column}] (model {self.models[row]!r}, item "
                f"{self.items[column]!r}) is {self.scores[row, column]}; scores must lie in "
                f"[0, 1], NaN where missing ({len(bad)} such cells)"
            )
        for axis, what, names in ((1, "model", self.models), (0, "item", self.items)):
            empty = np.flatnonzero(missing.all(axis=axis))
            refuse(
                empty.size > 0,
                f"{what} {names[int(empty[0])]!r} has no answer at all; leave it out"
                if empty.size
                else "",
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(models, items)."""
        return len(self.models), len(self.items)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where the answer is missing: bool (models, items)."""
        return np.isnan(self.scores)

    @property
    def target(self) -> FloatArray:
        """What is to be estimated, float (models,): `full_scores` or the weighted row mean.

        A missing cell counts as the model's and the item's effect say (`fill_missing`).
        """
        if self.full_scores is not None:
            return self.full_scores
        assert self.weights is not None
        filled: FloatArray = fill_missing(self.scores) @ self.weights
        return filled

    @property
    def plain(self) -> bool:
        """Whether the target is the plain row mean, so that estimators may use answers exactly."""
        assert self.weights is not None
        equal = np.allclose(self.weights, 1 / len(self.items), rtol=1e-12, atol=0)
        return self.full_scores is None and bool(equal)

    def rows(self, index: ArrayLike) -> ResponseMatrix:
        """Return the matrix of some models, in the order of `index`; items stay."""
        chosen = np.asarray(index)
        picked = np.arange(len(self.models))[chosen]
        return replace(
            self,
            scores=self.scores[picked],
            models=tuple(self.models[i] for i in picked),
            families=None if self.families is None else tuple(self.families[i] for i in picked),
            full_scores=None if self.full_scores is None else self.full_scores[picked],
        )

    def __repr__(self) -> str:
        extras = [
            field.name
            for field in fields(self)[3:]
            if getattr(self, field.name) is not None and field.name != "weights"
        ]
        also = f", with {', '.join(extras)}" if extras else ""
        gaps = int(self.missing.sum())
        return (
            f"ResponseMatrix({self.shape[0]} models × {self.shape[1]} items, {gaps} missing{also})"
        )


def fill_missing(scores: FloatArray) -> FloatArray:
    """Return `scores` with every NaN replaced by an additive guess.

    Parameters
    ----------
    scores
        float (models, items); NaN where missing.

    Returns
    -------
    float (models, items)
        A missing cell becomes model effect + item effect + grand mean, clipped to [0, 1]; the two
        effects are fitted by least squares on the observed cells (alternating, 20 rounds).
        `scores` itself, not a copy, where nothing is missing.
    """
    missing = np.isnan(scores)
    if not missing.any():
        return scores
    seen = ~missing
    values = np.where(missing, 0.0, scores)
    row, column = np.zeros(len(scores)), np.zeros(scores.shape[1])
    per_row, per_column = np.maximum(seen.sum(1), 1), np.maximum(seen.sum(0), 1)
    for _ in range(20):
        row = (values - seen * column).sum(1) / per_row
        column = (values - seen * row[:, None]).sum(0) / per_column
    guess = np.clip(row[:, None] + column, 0, 1)
    filled: FloatArray = np.where(missing, guess, scores)
    return filled


def _numbers(values: ArrayLike, what: str) -> FloatArray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AnchorError(f"{what} must be numbers: {error}") from error


def _frozen(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array


def _names(names: Sequence[str], count: int, what: str) -> tuple[str, ...]:
    if len(names) == 0:
        return tuple(f"{what}_{i}" for i in range(count))
    refuse(len(names) != count, f"{len(names)} {what} names for {count} {what}s; give one for each")
    seen: dict[str, int] = {}
    for place, name in enumerate(map(str, names)):
        refuse(not name.strip(), f"{what} {place} has an empty name")
        refuse(name in seen, f"{what} name {name!r} is used twice, at {seen.get(name)} and {place}")
        seen[name] = place
    return tuple(seen)


def _labels(
    labels: Sequence[str] | None, count: int, field: str, what: str
) -> tuple[str, ...] | None:
    if labels is None:
        return None
    refuse(len(labels) != count, f"{field}: {len(labels)} labels for {count} {what}s; one for each")
    return tuple(map(str, labels))
