"""How well does the model do in the expensive format? From a few items and cheap answers to all.

Recognition is cheap on every item (option log-probs, the gold's rank), production costs tokens.
A line over items predicts production from the cheap answers; the items that were generated
correct its bias (the difference estimator of survey sampling; prediction-powered inference of
Angelopoulos et al. 2023 with a fitted predictor; AIPW with known probabilities).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from scipy.stats import t as student

from illusion_lib.anchors.intervals import wilson_interval
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse

PENALTIES = np.logspace(-2, 4, 25)


@dataclass(frozen=True)
class Production:
    """An estimate of production accuracy over all items.

    Attributes
    ----------
    estimate, low, high
        Of the mean production score, with its interval.
    level
        Nominal coverage.
    n_measured, n_items
        Items generated, of how many.
    mean_only
        What the plain mean of the generated items says, for comparison.
    effective_size
        How many random items the plain mean would need for an interval as narrow; their ratio to
        `n_measured` is what the cheap answers save.
    notes
        What had to be degraded.
    """

    estimate: float
    low: float
    high: float
    level: float
    n_measured: int
    n_items: int
    mean_only: float
    effective_size: float
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> float:
        """Of the interval."""
        return self.high - self.low

    def gap(self, recognition: float) -> tuple[float, float, float]:
        """Return recognition minus production, with the ends of its interval.

        Parameters
        ----------
        recognition
            Recognition accuracy over *all* items, which is measured and adds no width.
        """
        return recognition - self.estimate, recognition - self.high, recognition - self.low


def production_estimate(
    cheap: ArrayLike, anchors: ArrayLike, observed: ArrayLike, level: float = 0.9
) -> Production:
    """Estimate mean production over all items from those that were generated.

    Parameters
    ----------
    cheap
        float (items, features): what is known of every item without generating: choice correct,
        gold log-prob, log of the gold's rank, production of neighbouring variants. NaN is
        replaced by the column's mean.
    anchors
        int (n,): the items that were generated, drawn at random (`draw_items`).
    observed
        float (n,) in [0, 1]: their production scores.
    level
        Nominal coverage.

    Returns
    -------
    Production

    Notes
    -----
    Production is predicted by a ridge line over the generated items. Estimate = mean prediction
    over all items + mean error over the generated ones; the line's free intercept makes that
    error zero, and the estimate exact once all are generated. The penalty is chosen by
    leave-one-out from a grid whose end is "no line at all", the plain mean. The interval is
    Wilson's score interval for as many items drawn without replacement as the *leave-one-out*
    errors are worth, so that it stays honest where nearly all answers are equal.
    """
    features, items, scores = _checked(cheap, anchors, observed)
    refuse(not 0 < level < 1, f"level must lie between 0 and 1, got {level}")
    n, n_items = len(items), len(features)
    mean_only = float(scores.mean())
    notes: tuple[str, ...] = ()
    if n < 10:
        notes = (f"{n} generated items are too few for a line; the plain mean is used",)
        features = features[:, :0]
    guess, errors = _predict(features, items, scores)
    estimate = float(np.clip(guess.mean(), 0, 1))
    low, high = _interval(estimate, errors, scores, n_items, level)
    plain = (scores - mean_only) * n / (n - 1)  # leave-one-out errors of the plain mean
    # What is known for sure: the generated items' own scores.
    high = min(high, 1 - float((1 - scores).sum()) / n_items)
    low = min(high, max(low, float(scores.sum()) / n_items))
    estimate = float(np.clip(estimate, low, high))
    size = _equivalent_size(n, n_items, _squares(errors) / _squares(plain))
    return Production(estimate, low, high, level, n, n_items, mean_only, size, notes)


def draw_items(cheap: ArrayLike, n: int, seed: int = 0, exclude: ArrayLike = ()) -> IntArray:
    """Draw items to generate: at random, yet spread evenly over the cheap answers.

    Parameters
    ----------
    cheap
        float (items, features), as for `production_estimate`.
    n
        How many to draw.
    seed
        Of the draw.
    exclude
        Items already generated.

    Returns
    -------
    int (n,)
        Systematic sampling along the first principal axis of the cheap answers with a random
        start: every item is drawn with the same probability, and no stretch of the axis is left
        out. In the order of a random permutation, so that a prefix is a random sample as well.
    """
    features = _standardised(_filled(np.asarray(cheap, dtype=np.float64)))
    left = np.setdiff1d(np.arange(len(features)), np.asarray(exclude, dtype=np.int64))
    refuse(not 1 <= n <= len(left), f"{n} items asked of {len(left)} that are left")
    rng = np.random.default_rng(seed)
    axis = rng.random(len(left)) * 1e-6  # ties fall at random
    if features.shape[1]:
        rows = features[left]
        axis = axis + rows @ np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][0]
    places = np.floor((rng.random() + np.arange(n)) * len(left) / n).astype(int)
    return rng.permutation(left[np.argsort(axis)][places])


def stop_when_narrow(
    cheap: ArrayLike,
    generate: Callable[[IntArray], FloatArray],
    width: float,
    level: float = 0.9,
    batch: int = 20,
    seed: int = 0,
    most: int | None = None,
) -> Iterator[Production]:
    """Generate items in batches until the interval is narrow enough; yield every estimate.

    Parameters
    ----------
    cheap
        float (items, features).
    generate
        Puts items to the model in the expensive format: int (n,) -> float (n,) in [0, 1].
    width
        Stop once the interval is at most so wide, or `most` items are generated.
    level
        Of the interval. Looking after every batch costs coverage, so each look is made at
        1 - (1 - level) / looks, with `looks` the most there can be (Bonferroni).
    batch
        Items generated between looks; the first look is after two batches.
    seed
        Of the order of items.
    most
        Items generated at most; all if None.

    Yields
    ------
    Production
        The last one is the result.
    """
    features = np.asarray(cheap, dtype=np.float64)
    refuse(batch < 5, f"batch must be at least 5 items, got {batch}")
    refuse(not width > 0, f"width must be positive, got {width}")
    order = np.random.default_rng(seed).permutation(len(features))
    last = len(order) if most is None else min(most, len(order))
    refuse(last < 2, f"at least 2 items must be generated, got {last}")
    ends = [*range(2 * batch, last, batch), last]
    each = 1 - (1 - level) / len(ends)
    scores = np.empty(0)
    for end in ends:
        scores = np.concatenate([scores, generate(order[len(scores) : end])])
        found = production_estimate(features, order[:end], scores, each)
        yield found
        if found.width <= width:
            return


def _predict(
    features: FloatArray, items: IntArray, scores: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the line's guess for every item (items,) and leave-one-out errors (n,)."""
    n = len(items)
    x = _standardised(features)
    centre = x[items].mean(axis=0)
    u, s, vt = np.linalg.svd(x[items] - centre, full_matrices=False)  # (n, r), (r,), (r, d)
    gap = scores - scores.mean()
    shrink = s**2 / (s**2 + PENALTIES[:, None])  # (penalties, r)
    shrink = np.vstack([shrink, np.zeros(len(s))])  # the last one: no line
    residual = gap - (shrink * (u.T @ gap)) @ u.T  # (penalties + 1, n)
    free = np.maximum(1 - 1 / n - shrink @ (u.T**2), 1e-9)
    losses = ((residual / free) ** 2).mean(axis=1)
    chosen = int(np.argmin(losses * (1 + 1e-9 * np.arange(len(losses))[::-1])))
    weights = vt.T @ (shrink[chosen] / np.maximum(s, 1e-12) * (u.T @ gap))
    guess = scores.mean() + (x - centre) @ weights
    return guess, residual[chosen] / free[chosen]


def _squares(errors: FloatArray) -> float:
    """Sum of squares, and half an item's worst error: equal answers must not look certain."""
    return float((errors**2).sum()) + 0.5


def _interval(
    estimate: float, errors: FloatArray, scores: FloatArray, n_items: int, level: float
) -> tuple[float, float]:
    """Wilson's interval with as many items as the errors are worth, and Student's quantile.

    Were the scores 0/1 and the line useless, it would be that of n items drawn without
    replacement; the smaller the errors, the more such items they stand for.
    """
    n = len(errors)
    if n == n_items:
        return estimate, estimate
    share = float(scores.mean())
    worth = (n * share * (1 - share) + 0.5) / _squares(errors)
    size = n * worth * (n_items - 1) / (n_items - n)
    normal = float(2 * norm.cdf(student.ppf(0.5 + level / 2, n - 1)) - 1)
    low, high = wilson_interval(np.array([estimate]), size, normal)
    return float(low[0]), float(high[0])


def _equivalent_size(n: int, n_items: int, ratio: float) -> float:
    """Random items whose plain mean varies `ratio` times as much as that of `n` of them.

    The variance of a mean of n of I items is proportional to 1/n - 1/I.
    """
    return float(1 / (ratio * (1 / n - 1 / n_items) + 1 / n_items))


def _standardised(features: FloatArray) -> FloatArray:
    spread = features.std(axis=0)
    standard: FloatArray = (features - features.mean(axis=0)) / np.where(spread > 1e-12, spread, 1)
    return standard


def _filled(features: FloatArray) -> FloatArray:
    missing = np.isnan(features)
    counts = np.maximum((~missing).sum(axis=0), 1)
    return np.where(missing, np.where(missing, 0, features).sum(axis=0) / counts, features)


def _checked(
    cheap: ArrayLike, anchors: ArrayLike, observed: ArrayLike
) -> tuple[FloatArray, IntArray, FloatArray]:
    features = np.asarray(cheap, dtype=np.float64)
    items, scores = np.asarray(anchors), np.asarray(observed, dtype=np.float64)
    refuse(features.ndim != 2, f"cheap has shape {features.shape}; give (items, features)")
    refuse(bool(np.isinf(features).any()), "cheap holds an infinite value; clip log-probs first")
    refuse(
        items.ndim != 1 or len(items) < 2 or items.shape != scores.shape,
        f"anchors {items.shape} and observed {scores.shape} must be equally long, at least 2",
    )
    refuse(len(np.unique(items)) < len(items), "an item is generated twice; give each once")
    refuse(
        int(items.min()) < 0 or int(items.max()) >= len(features),
        f"anchors reach from {items.min()} to {items.max()}, but there are {len(features)} items",
    )
    bad = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    refuse(bad.size > 0, f"observed[{bad[:1].tolist()}] does not lie in [0, 1]")
    return _filled(features), items.astype(np.int64), scores
