"""Ask how few questions would have told the same: anchors on the study's own responses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from illusion_lib.anchors import ForwardRidge, RandomMean, RandomRidge, Study, from_records, study
from illusion_lib.divergence.paired import MARGIN

RANDOM, RIDGE, CHOSEN = (
    "mean of random questions",
    "ridge on random questions",
    "ridge on chosen questions",
)
_ESTIMATORS = {RANDOM: RandomMean(), RIDGE: RandomRidge(), CHOSEN: ForwardRidge()}
_SIZES = (4, 8, 12, 20, 30, 50, 100, 200)
FEWEST_VARIANTS = 5
COVERED = 0.9


@dataclass(frozen=True, slots=True)
class CheapTest:
    """The smallest number of questions that is good enough.

    Attributes
    ----------
    questions
        How many; None if no number tried was enough.
    estimator
        Which estimator needs so few.
    error
        Mean absolute error there (or at the largest number tried).
    reach
        Nine in ten estimates are at most so far off.
    asked
        Questions of the whole study.
    variants
        Model variants that were estimated.
    """

    questions: int | None
    estimator: str
    error: float
    reach: float
    asked: int
    variants: int


def few_questions(records: pd.DataFrame, probe: str = "open", seeds: int = 5) -> Study | None:
    """Estimate each variant's accuracy from a few questions, learning from the other variants.

    Parameters
    ----------
    records
        Records of a study.
    probe
        Which format's accuracy.
    seeds
        Draws of the questions.

    Returns
    -------
    Study or None
        None where there are too few variants to learn from.
    """
    matrix = from_records(records, probe)
    variants, questions = matrix.shape
    sizes = [size for size in _SIZES if size < questions]
    if variants < FEWEST_VARIANTS or not sizes:
        return None
    return study(matrix, _ESTIMATORS, sizes, ("leave_one_out",), range(seeds), None)


def cheapest(found: Study, asked: int, margin: float = MARGIN) -> CheapTest:
    """Return the fewest questions with which nine in ten estimates are within `margin`."""
    estimates = found.estimates
    error = (estimates["estimate"] - estimates["truth"]).abs()
    grouped = error.groupby([estimates["K"], estimates["estimator"]], sort=True)
    reach = grouped.quantile(COVERED)
    good = reach[reach <= margin]
    sizes = good.index.get_level_values("K") if len(good) else reach.index.get_level_values("K")
    size = int(np.min(sizes)) if len(good) else int(np.max(sizes))
    best = str(reach.xs(size, level="K").idxmin())
    return CheapTest(
        size if len(good) else None,
        best,
        float(grouped.mean()[(size, best)]),
        float(reach[(size, best)]),
        asked,
        estimates["model"].nunique(),
    )
