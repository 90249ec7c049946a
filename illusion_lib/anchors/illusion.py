"""How well does the model do in the expensive format? From a few items and cheap answers to all.

Recognition is cheap on every item, production costs generated tokens. What multiple choice tells
of an item guesses whether its open answer is right (`illusion_lib.anchors.guess`); items are
generated where the guess is unsure, and what they show corrects it (the difference estimator of
survey sampling under unequal probabilities, Sarndal et al. 1992, ch. 6; prediction-powered
inference, Angelopoulos et al. 2023; AIPW with known probabilities).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse

DOUBT = 0.001
"""Variance that even the surest guess is granted: one answer in a thousand is not as guessed."""
PRIOR = 10.0
"""Generated items that the guess's own variance counts for, beside what their errors show."""


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
    guessed
        What the guess alone says, before any answer is generated.
    effective_size
        How many items drawn at random and read by their plain mean would have as small a variance;
        their ratio to `n_measured` is what the cheap answers save.
    standard_error
        Of the estimate.
    """

    estimate: float
    low: float
    high: float
    level: float
    n_measured: int
    n_items: int
    guessed: float
    effective_size: float
    standard_error: float

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

    def missed(self, truth: float) -> float:
        """Return how many standard errors the interval must reach to hold the true mean.

        Where whole scores are known, the `level` quantile of these calibrates other intervals:
        see `production_estimate`.
        """
        beyond = max(abs(self.estimate - truth) - 0.5 / self.n_items, 0.0)
        return beyond / self.standard_error if beyond else 0.0


def production_estimate(
    guess: ArrayLike,
    anchors: ArrayLike,
    observed: ArrayLike,
    level: float = 0.9,
    quantile: float | None = None,
) -> Production:
    """Estimate mean production over all items from those that were generated.

    Parameters
    ----------
    guess
        float (items,) in [0, 1]: the guessed chance that each item's open answer is right. One
        number for all makes the estimate the plain mean of random items.
    anchors
        int (n,): the items that were generated, as `draw_items` drew them with this guess.
    observed
        float (n,) in [0, 1]: their production scores.
    level
        Nominal coverage.
    quantile
        Standard errors that the interval reaches each way, where models whose whole production is
        known have shown what is needed (`Production.missed`, studentised conformal prediction);
        Student's quantile if None.

    Returns
    -------
    Production

    Notes
    -----
    Estimate = mean guess + sum of (score - guess) / probability over the drawn items, divided by
    the number of items: right on average over draws whatever the guess. Its variance is the mean
    of two estimates, weighted n to `PRIOR`: the design's, from the drawn items' errors, and the
    guess's own, guess (1 - guess) + `DOUBT` an item. The first knows nothing of an error that no
    draw has hit yet, the second trusts the guess. The interval reaches half an item further than
    the quantile says, for the truth is a count; ends are kept within what the generated items
    leave possible.
    """
    chance, items, scores = _checked(guess, anchors, observed)
    refuse(not 0 < level < 1, f"level must lie between 0 and 1, got {level}")
    drawn = inclusion(chance, len(items))
    return _estimates(chance[None], drawn[None], items[None], scores[None], level, quantile)[0]


def rehearse(
    guesses: FloatArray,
    said: FloatArray,
    n: int,
    seeds: Sequence[int],
    level: float = 0.9,
    quantile: float | None = None,
) -> tuple[IntArray, list[Production]]:
    """Return the `n` items drawn of models whose answers are all known, and what they estimate.

    For each model the same as `draw_items` and `production_estimate` one after the other, for many
    side by side, because thousands of rehearsals judge one zoo.

    Parameters
    ----------
    guesses, said
        float (models, items).
    n, level, quantile
        As for the two.
    seeds
        Of each model's draw.

    Returns
    -------
    items
        int (models, n).
    made
        An estimate for each model.
    """
    drawn = inclusion(guesses, n)
    items = np.ascontiguousarray(_drawn(guesses, drawn, seeds)[:, :n])
    scores = np.take_along_axis(said, items, axis=1)  # (models, n)
    return items, _estimates(guesses, drawn, items, scores, level, quantile)


def _estimates(
    chance: FloatArray,
    drawn: FloatArray,
    items: IntArray,
    scores: FloatArray,
    level: float,
    quantile: float | None,
) -> list[Production]:
    """Estimate models side by side; chance and drawn (models, items), the others (models, n)."""
    n, n_items = items.shape[1], chance.shape[1]
    guessed = chance.mean(axis=1)
    picked = np.take_along_axis(drawn, items, axis=1)  # (models, n)
    errors = scores - np.take_along_axis(chance, items, axis=1)
    estimate = guessed + (errors / picked).sum(axis=1) / n_items
    variance = _variance(chance, drawn, picked, errors)
    if quantile is None:
        quantile = float(stdtrit(n - 1 + PRIOR, 0.5 + level / 2))
    error = np.sqrt(variance)
    reach = quantile * error + 0.5 / n_items
    # What is known for sure: the generated items' own scores.
    least = scores.sum(axis=1) / n_items
    most = 1 - (1 - scores).sum(axis=1) / n_items
    estimate = np.minimum(np.maximum(estimate, least), most)
    low = np.minimum(estimate, np.maximum(least, estimate - reach))
    high = np.maximum(estimate, np.minimum(most, estimate + reach))
    size = _plain_size(estimate, variance, n, n_items)
    columns = (column.tolist() for column in (estimate, low, high, guessed, size, error))
    return [
        Production(middle, below, above, level, n, n_items, first, alike, spread)
        for middle, below, above, first, alike, spread in zip(*columns, strict=True)
    ]


def inclusion(guess: ArrayLike, n: int) -> FloatArray:
    """Return each item's chance of being among `n` drawn ones: float (..., items), with sum `n`.

    In proportion to the guess's standard deviation, the allocation of least variance (Neyman),
    where that is below 1. `guess` is float (..., items), each row a model.
    """
    size = _size(np.asarray(guess, dtype=np.float64))
    refuse(not 1 <= n <= size.shape[-1], f"{n} items asked of {size.shape[-1]}")
    sure = np.zeros(size.shape, dtype=bool)
    while True:
        left = n - sure.sum(axis=-1, keepdims=True)
        rest = np.where(sure, 0.0, size).sum(axis=-1, keepdims=True)
        chance = np.where(sure, 1.0, left * size / np.maximum(rest, 1e-300))
        over = (chance >= 1) & ~sure
        if not over.any():
            return np.asarray(chance)
        sure |= over


def draw_items(guess: ArrayLike, n: int, seed: int = 0) -> IntArray:
    """Draw items to generate, oftener where the guess is unsure.

    Parameters
    ----------
    guess
        As for `production_estimate`.
    n
        How many to draw.
    seed
        Of the draw. With the same seed a larger draw holds every smaller one.

    Returns
    -------
    int (n,)
        Sequential Poisson sampling (Ohlsson 1998): those with the least random number divided by
        the guess's standard deviation, after those that are drawn for certain.
    """
    chance = np.asarray(guess, dtype=np.float64)
    return _drawn(chance[None], inclusion(chance, n)[None], [seed])[0, :n]


def _drawn(chance: FloatArray, drawn: FloatArray, seeds: Sequence[int]) -> IntArray:
    """Return all items in the order in which they are drawn: int (models, items)."""
    numbers = [np.random.default_rng(seed).random(chance.shape[1]) for seed in seeds]
    keys = np.stack(numbers) / _size(chance)
    order: IntArray = np.lexsort((keys, drawn < 1), axis=-1).astype(np.int64)
    return order


def stop_when_narrow(
    guess: ArrayLike,
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
    guess
        As for `production_estimate`.
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
        Of the draw.
    most
        Items generated at most; all if None.

    Yields
    ------
    Production
        The last one is the result.
    """
    chance = np.asarray(guess, dtype=np.float64)
    refuse(batch < 5, f"batch must be at least 5 items, got {batch}")
    refuse(not width > 0, f"width must be positive, got {width}")
    last = len(chance) if most is None else min(most, len(chance))
    refuse(last < 2, f"at least 2 items must be generated, got {last}")
    ends = [*range(2 * batch, last, batch), last]
    each = 1 - (1 - level) / len(ends)
    items, scores = np.empty(0, dtype=np.int64), np.empty(0)
    for end in ends:
        new = np.setdiff1d(draw_items(chance, end, seed), items)
        items, scores = np.concatenate([items, new]), np.concatenate([scores, generate(new)])
        found = production_estimate(chance, items, scores, each)
        yield found
        if found.width <= width:
            return


def _size(chance: FloatArray) -> FloatArray:
    """Return the standard deviation that each guess is granted: float (items,), positive."""
    return np.asarray(np.sqrt(chance * (1 - chance) + DOUBT))


def _variance(
    chance: FloatArray, drawn: FloatArray, picked: FloatArray, errors: FloatArray
) -> FloatArray:
    """Return the variance of each estimate: the design's and the guess's own, n to `PRIOR`."""
    n = errors.shape[1]
    shown = ((1 - picked) / picked**2 * errors**2).sum(axis=1) * n / max(n - 1, 1)
    trusted = (_size(chance) ** 2 * (1 / drawn - 1)).sum(axis=1)
    variance: FloatArray = (n * shown + PRIOR * trusted) / (n + PRIOR) / chance.shape[1] ** 2
    return variance


def _plain_size(share: FloatArray, variance: FloatArray, n: int, n_items: int) -> FloatArray:
    """Return how many random items' plain mean varies as much: s^2 (1/m - 1/items) = variance."""
    if n == n_items:
        return np.full(len(share), float(n_items))
    spread = np.maximum(share * (1 - share), DOUBT) * n_items / max(n_items - 1, 1)
    return np.asarray(1 / (variance / spread + 1 / n_items))


def _checked(
    guess: ArrayLike, anchors: ArrayLike, observed: ArrayLike
) -> tuple[FloatArray, IntArray, FloatArray]:
    chance = np.asarray(guess, dtype=np.float64)
    items, scores = np.asarray(anchors), np.asarray(observed, dtype=np.float64)
    refuse(chance.ndim != 1, f"guess has shape {chance.shape}; give one number an item")
    refuse(
        not bool(((chance >= 0) & (chance <= 1)).all()), "a guess does not lie in [0, 1]; clip it"
    )
    refuse(
        items.ndim != 1 or len(items) < 2 or items.shape != scores.shape,
        f"anchors {items.shape} and observed {scores.shape} must be equally long, at least 2",
    )
    refuse(len(np.unique(items)) < len(items), "an item is generated twice; give each once")
    refuse(
        int(items.min()) < 0 or int(items.max()) >= len(chance),
        f"anchors reach from {items.min()} to {items.max()}, but there are {len(chance)} items",
    )
    bad = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    refuse(bad.size > 0, f"observed[{bad[:1].tolist()}] does not lie in [0, 1]")
    return chance, items.astype(np.int64), scores
