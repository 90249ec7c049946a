"""What does an anchor estimator learn from? Models whose answers to every item are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.anchors.matrix import FloatArray, IntArray, fill_missing, refuse
from illusion_lib.errors import AnchorError


@dataclass(frozen=True)
class Training:
    """The training models as every estimator sees them.

    Attributes
    ----------
    scores
        float (models, items), nothing missing.
    target
        float (models,).
    plain
        Whether the target is the row mean of `scores`, so that seen answers count exactly.
    slope, intercept
        Least-squares line from the row mean to the target; 1 and 0 where `plain`. Estimators
        that fill in items rather than regress on the target pass their row mean through it.
    notes
        What had to be degraded, in words for the reader.
    """

    scores: FloatArray
    target: FloatArray
    plain: bool
    slope: float = 1.0
    intercept: float = 0.0
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, scores: ArrayLike, target: ArrayLike | None) -> Training:
        """Check and complete what was passed to ``fit``."""
        raw = checked_table(scores, "scores")
        refuse(len(raw) < 2, f"{len(raw)} training model(s); anchors need at least 2")
        filled = fill_missing(raw)
        gaps = int(np.isnan(raw).sum())
        notes = (f"{gaps} missing answers filled by model and item effects",) if gaps else ()
        means = filled.mean(axis=1)
        if target is None:
            return cls(filled, means, True, notes=notes)
        wanted = np.asarray(target, dtype=np.float64)
        refuse(
            wanted.shape != (len(raw),) or not np.isfinite(wanted).all(),
            f"target must be {len(raw)} finite numbers, one per model; got shape {wanted.shape}",
        )
        if np.allclose(wanted, means, rtol=0, atol=1e-12):
            return cls(filled, means, True, notes=notes)
        centred = means - means.mean()
        spread = float(centred @ centred)
        slope = float(centred @ wanted) / spread if spread > 0 else 0.0
        intercept = float(wanted.mean() - slope * means.mean())
        return cls(filled, wanted, False, slope, intercept, notes)

    def rows(self, index: IntArray) -> tuple[FloatArray, FloatArray | None]:
        """Return scores and target of some models, as ``fit`` takes them."""
        return self.scores[index], None if self.plain else self.target[index]


def checked_table(values: ArrayLike, what: str) -> FloatArray:
    """Return `values` as float (models, items) with every cell in [0, 1] or NaN.

    Raises
    ------
    AnchorError
        They are anything else; the message calls them `what`.
    """
    table = np.asarray(values, dtype=np.float64)
    refuse(
        table.ndim != 2 or 0 in table.shape,
        f"{what} has shape {table.shape}; give a table (models, items)",
    )
    outside = (table < 0) | (table > 1)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise AnchorError(f"{what}[{row}, {column}] is {table[row, column]}; scores lie in [0, 1]")
    empty = np.flatnonzero(np.isnan(table).all(axis=1))
    refuse(empty.size > 0, f"{what}: model {empty[:1].tolist()} has no answer at all")
    return table
