"""How many generated tokens does the guess save, and do its intervals hold? Tried on the zoo.

Every variant plays the new model in turn: what it says is known for all items, so each estimate
from a few generated ones can be held against the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from illusion_lib.anchors.guess import CHEAP, KNOWN, Guess
from illusion_lib.anchors.illusion import draw_items, production_estimate
from illusion_lib.anchors.intervals import wilson_interval
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.zoo import DENSE, Zoo

RANDOM = "random items, plain mean"
BY_DENSE = "guess learned on the dense model"
BY_OTHERS = "guess learned on other methods"
WAYS = (RANDOM, BY_DENSE, BY_OTHERS)


def trial_estimates(
    zoo: Zoo, sizes: Sequence[int], seeds: int = 10, level: float = 0.9
) -> pd.DataFrame:
    """Estimate every compressed variant's production from a few generated items, in three ways.

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
        interval for a draw without replacement; `BY_DENSE` guesses with what the dense model's
        answers teach, `BY_OTHERS` with those of all variants made by other methods, and knows how
        many of these said the item: never with anything of the variant itself or of another draw
        or sparsity of its method.
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
    by_dense = _learn(rows[rows["variant"] == DENSE])
    methods = rows.loc[rows["variant"] != DENSE, "method"].unique()
    by_others = {method: _Others(rows, method) for method in methods}
    variants = rows[rows["variant"] != DENSE].groupby("variant", sort=False)
    for place, (variant, own) in enumerate(variants):
        method = own["method"].iloc[0]
        cheap, said = own[list(CHEAP)], own["said"].to_numpy(float)
        tokens = own["answer_tokens"].to_numpy(float)
        ways = {BY_DENSE: by_dense(cheap), BY_OTHERS: by_others[method](own)}
        front = {"variant": variant, "method": method, "truth": float(said.mean())}
        for n in sizes:
            for draw in range(seeds):
                seed = 10_000 * place + draw  # no two variants share a draw
                items = np.random.default_rng(seed).permutation(len(said))[:n]
                drawn = {RANDOM: (items, _plain(items, said, level))}
                for way, guess in ways.items():
                    items = draw_items(guess, n, seed)
                    made = production_estimate(guess, items, said[items], level)
                    drawn[way] = (items, (made.estimate, made.low, made.high))
                for way, (items, (estimate, low, high)) in drawn.items():
                    yield front | {
                        "way": way,
                        "n": n,
                        "seed": draw,
                        "tokens": float(tokens[items].sum()),
                        "estimate": estimate,
                        "low": low,
                        "high": high,
                    }


class _Others:
    """What the variants of all methods but one teach about those of that one."""

    def __init__(self, rows: pd.DataFrame, method: str) -> None:
        others = rows[rows["method"] != method]
        # Each teaches as it will be asked: with the answers of yet other methods.
        parts = [
            part.assign(**{KNOWN: _known(others[others["method"] != name], part["item_id"])})
            for name, part in others.groupby("method", sort=False)
        ]
        taught = pd.concat(parts)
        self._others = others
        self._guess = Guess.of(taught[[*CHEAP, KNOWN]], taught["said"])

    def __call__(self, own: pd.DataFrame) -> FloatArray:
        """Return the guess for the items of one variant."""
        known = _known(self._others, own["item_id"])
        return self._guess(own[list(CHEAP)].assign(**{KNOWN: known}))


def _known(others: pd.DataFrame, items: pd.Series[str]) -> FloatArray:
    """Return the share of other variants that said each item, half of one added each way."""
    told = others.groupby("item_id")["said"].agg(["sum", "size"])
    share = (told["sum"] + 0.5) / (told["size"] + 1)
    return items.map(share).to_numpy(dtype=np.float64)


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
