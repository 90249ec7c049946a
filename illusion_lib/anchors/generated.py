"""How many generated tokens does the guess save, and do its intervals hold? Tried on the zoo.

Every variant plays the new model in turn: what it says is known for all items, so each estimate
from a few generated ones can be held against the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from illusion_lib.anchors.guess import CHEAP, Guess
from illusion_lib.anchors.illusion import rehearse
from illusion_lib.anchors.intervals import wilson_interval
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.neighbours import Neighbours
from illusion_lib.anchors.zoo import DENSE, Zoo

RANDOM = "random items, plain mean"
BY_DENSE = "guess learned on the dense model"
BY_PROBE = "guess of illusion probe"
BY_OTHERS = "guess learned on other methods"
WAYS = (RANDOM, BY_PROBE, BY_DENSE, BY_OTHERS)


def trial_estimates(
    zoo: Zoo, sizes: Sequence[int], seeds: int = 10, level: float = 0.9
) -> pd.DataFrame:
    """Estimate every compressed variant's production from a few generated items, in four ways.

    Parameters
    ----------
    zoo
        The variants.
    sizes
        Numbers of generated items.
    seeds
        Draws of the items.
    level
        Nominal coverage.

    Returns
    -------
    DataFrame
        A row per variant, way, size and seed: variant, method, way, n, seed, tokens generated,
        estimate, low, high, truth. `RANDOM` reads random items by their mean, with Wilson's
        interval for a draw without replacement. `BY_PROBE` guesses as `illusion probe` does, with
        what the variants of other methods teach of multiple choice; `BY_DENSE` with what the dense
        model teaches. `BY_OTHERS` also knows what neighbours among the other methods said of the
        same items, and its intervals reach as far as those of each other method had to, had it
        been left out as well. Nothing is used of the variant itself or of another draw or
        sparsity of its method.
    """
    rows = zoo.rows
    total = rows["item_id"].nunique()
    refuse(max(sizes) > total, f"{max(sizes)} items asked of {total}; lower the numbers of items")
    return pd.DataFrame(_trials(rows, sizes, seeds, level))


def saving(found: pd.DataFrame) -> pd.DataFrame:
    """Sum the estimates up and say what each way saves against random items.

    Parameters
    ----------
    found
        Result of `trial_estimates`.

    Returns
    -------
    DataFrame
        A row per way and size: means of items n, tokens, error, width; coverage; and ``saving``,
        how many times the tokens random items need for an interval as wide: read off the line
        through their means on logarithmic axes, NaN where it does not reach so far.
    """
    found = found.assign(
        error=(found["estimate"] - found["truth"]).abs(),
        width=found["high"] - found["low"],
        coverage=found["truth"].between(found["low"] - 1e-9, found["high"] + 1e-9),
    )
    columns = ["tokens", "error", "width", "coverage"]
    mean = found.groupby(["way", "n"], sort=False)[columns].mean().reset_index()
    plain = mean[mean["way"] == RANDOM].sort_values("width")
    needed = np.exp(
        np.interp(
            np.log(mean["width"].clip(lower=1e-9)),
            np.log(plain["width"].clip(lower=1e-9)),
            np.log(plain["tokens"]),
            left=np.nan,
            right=np.nan,
        )
    )
    return mean.assign(saving=needed / mean["tokens"])


def _trials(
    rows: pd.DataFrame, sizes: Sequence[int], seeds: int, level: float
) -> Iterator[dict[str, object]]:
    others = Neighbours(rows)
    by_dense = _learn(rows[rows["variant"] == DENSE])
    reach = _quantiles(others, sizes, level)
    n_items = others.said.shape[1]
    for method in _compressed(others):
        by_probe = dict(others.guesses([method], told=False))
        by_others = dict(others.guesses([method]))
        places = list(by_others)
        cheap = (others.cheap[place * n_items :][:n_items] for place in places)
        ways = {
            BY_PROBE: np.stack([by_probe[place] for place in places]),
            BY_DENSE: np.stack([by_dense(one) for one in cheap]),
            BY_OTHERS: np.stack(list(by_others.values())),
        }
        trials = list(product(sizes, range(seeds)))
        made = {
            (n, draw, way): rehearse(
                guesses, others.said[places], n, [_seed(place, draw) for place in places], level,
                reach.get(method) if way == BY_OTHERS else None,
            )
            for n, draw in trials
            for way, guesses in ways.items()
        }  # fmt: skip
        for row, place in enumerate(places):
            said, tokens = others.said[place], others.tokens[place]
            front = {"variant": others.variants[place], "method": method, "truth": said.mean()}
            for n, draw in trials:
                items = np.random.default_rng(_seed(place, draw)).permutation(n_items)[:n]
                found = {RANDOM: (items, _plain(items, said, level))}
                for way in ways:
                    drawn, estimates = made[n, draw, way]
                    one = estimates[row]
                    found[way] = drawn[row], (one.estimate, one.low, one.high)
                for way, (items, (estimate, low, high)) in found.items():
                    yield front | {
                        "way": way,
                        "n": n,
                        "seed": draw,
                        "tokens": float(tokens[items].sum()),
                        "estimate": estimate,
                        "low": low,
                        "high": high,
                    }


def _seed(place: int, draw: int) -> int:
    return 10_000 * place + draw  # no two variants share a draw


def _quantiles(others: Neighbours, sizes: Sequence[int], level: float) -> dict[str, float]:
    """Return how many standard errors intervals must reach, by the method left out.

    With one method left out, every other plays the one to be judged, with guesses learned without
    either of the two: the `level` quantile of what its intervals had to reach, over all sizes. A
    zoo of one method has nobody to ask and no quantile.
    """
    needed: dict[str, list[float]] = {}
    for pair in combinations(_compressed(others), 2):
        places, guesses = zip(*others.guesses(pair), strict=True)
        said = others.said[list(places)]
        left_out = [pair[0] if others.methods[place] == pair[1] else pair[1] for place in places]
        for n in sizes:
            seeds = [_seed(place, 0) for place in places]
            _, made = rehearse(np.stack(guesses), said, n, seeds, level)
            for method, one, truth in zip(left_out, made, said.mean(axis=1).tolist(), strict=True):
                needed.setdefault(method, []).append(one.missed(truth))
    return {method: float(np.quantile(some, level)) for method, some in needed.items()}


def _compressed(others: Neighbours) -> list[str]:
    return sorted(set(others.methods.tolist()) - {DENSE})


def _learn(rows: pd.DataFrame) -> Guess:
    return Guess.of(rows[list(CHEAP)], rows["said"])


def _plain(items: IntArray, said: FloatArray, level: float) -> tuple[float, float, float]:
    """Return the mean of random items with Wilson's interval, narrowed as the items run out."""
    n, n_items = len(items), len(said)
    mean = float(said[items].mean())
    if n == n_items:
        return mean, mean, mean
    size = n * (n_items - 1) / (n_items - n)
    low, high = wilson_interval(np.array([mean]), size, level)
    return mean, float(low[0]), float(high[0])
