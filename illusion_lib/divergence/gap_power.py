"""How many facts tell whether a gap between the formats is real, from a run's own answers."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import pandas as pd
from scipy import stats

from illusion_lib.divergence.bootstrap import RESAMPLES
from illusion_lib.divergence.frames import FRONT_TYPES, cells, table
from illusion_lib.divergence.gaps import HEADLINE, gap

POWER = 0.8
ALPHA = 0.05


def facts_needed(error: float, facts: int, effect: float, power: float = POWER) -> int:
    """Return how many facts detect a gap of a given size, two-sided at the 5 % level.

    Parameters
    ----------
    error
        Standard error of the gap as measured.
    facts
        Number of facts behind that error; it shrinks with their square root.
    effect
        Gap to detect, 0.05 for five points.
    power
        Chance to detect it.

    Returns
    -------
    int
        At least 2. All languages of a fact count as one.

    Examples
    --------
    >>> facts_needed(error=0.05, facts=100, effect=0.05)
    785
    """
    return max(2, ceil(facts * (_reach(power) * error / effect) ** 2))


def smallest_effect(error: float, power: float = POWER) -> float:
    """Return the smallest gap that a run with this standard error detects with chance `power`."""
    return _reach(power) * error


def _reach(power: float) -> float:
    """Return how many standard errors a gap must be from zero to be seen that often."""
    return float(stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(power))


def gap_power(
    paired: pd.DataFrame,
    effects: Sequence[float] = (0.05, 0.10, 0.20),
    *,
    power: float = POWER,
    measure: str = HEADLINE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return, for each pruning, the smallest gap this run could see and the facts to see others.

    The spread of the answers is taken from the run; a new set of facts is assumed to spread alike.

    Parameters
    ----------
    paired
        Result of `pairs`.
    effects
        Gaps to detect.
    power
        Chance to detect them.
    measure
        A measure of `gaps`.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        One row per pruned cell and effect. Columns: the front columns, ``clusters`` (facts of the
        run), ``items``, ``error`` (standard error of the gap), ``smallest`` (gap detected with
        chance `power` by this run), ``effect``, ``facts_needed``, ``items_needed`` (the same in
        questions, with as many languages a fact as in the run), ``reason``.
    """
    rows: list[dict[str, Any]] = []
    for front, part in cells(paired):
        found = gap(part, measure, seed=seed, resamples=resamples)
        row: dict[str, Any] = {**front, "items": found.items, "clusters": found.clusters}
        if not found.draws.size:
            rows += [row | {"effect": effect, "reason": found.reason} for effect in effects]
            continue
        error = float(found.draws.std())
        row |= {"error": error, "smallest": smallest_effect(error, power)}
        for effect in effects:
            facts = facts_needed(error, found.clusters, effect, power)
            items = ceil(facts * found.items / found.clusters)
            rows.append(row | {"effect": effect, "facts_needed": facts, "items_needed": items})
    types = dict.fromkeys(("items", "clusters"), "Int64")
    types |= dict.fromkeys(("error", "smallest", "effect"), "Float64")
    types |= dict.fromkeys(("facts_needed", "items_needed"), "Int64")
    return table(rows, {**FRONT_TYPES, **types, "reason": "string"})
