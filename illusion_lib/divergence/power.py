"""How many items tell whether a paired difference is real."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from illusion_lib.divergence.frames import table


def items_needed(
    effect: float = 0.05, discordance: float = 0.2, power: float = 0.8, alpha: float = 0.05
) -> int | None:
    """Return how many paired items the exact McNemar test needs to detect a change.

    Starts from the normal approximation (Connor 1987).

    Parameters
    ----------
    effect
        Difference to detect, 0.05 for five points.
    discordance
        Share of items that change in either direction; at least `effect`.
    power, alpha
        Chance to detect it, and two-sided level of the test.

    Returns
    -------
    int or None
        None where the effect is zero or larger than the discordance allows.
    """
    if not 0 < abs(effect) <= discordance <= 1:
        return None
    z_alpha, z_beta = stats.norm.ppf(1 - alpha / 2), stats.norm.ppf(power)
    spread = np.sqrt(discordance - effect**2)
    n = int(np.ceil((z_alpha * np.sqrt(discordance) + z_beta * spread) ** 2 / effect**2))
    # The exact test needs a little more, never half as much again; its power hardly ever dips.
    candidates = range(n, n + n // 2 + 20)
    return candidates[
        bisect_left(candidates, power, key=lambda m: power_of(m, effect, discordance, alpha))
    ]


def power_of(items: int, effect: float, discordance: float, alpha: float = 0.05) -> float:
    """Return the chance that the exact McNemar test detects a change, summed over all outcomes.

    The number of discordant items is binomial, and so are those among them that got worse.
    """
    share = (discordance + abs(effect)) / (2 * discordance)
    total = np.arange(items + 1)
    # The largest count of the smaller side that is still significant; below 0: never.
    limit = stats.binom.ppf(alpha / 2, total, 0.5)
    limit = np.where(2 * stats.binom.cdf(limit, total, 0.5) <= alpha, limit, limit - 1)
    reject = stats.binom.cdf(limit, total, share) + stats.binom.cdf(limit, total, 1 - share)
    weight = stats.binom.pmf(total, items, discordance)
    return float(np.sum(weight * np.where(limit < 0, 0.0, reject)))


def power_table(
    effects: Sequence[float] = (0.03, 0.05, 0.10, 0.20),
    discordances: Sequence[float] = (0.05, 0.1, 0.2, 0.3, 0.4),
    power: float = 0.8,
) -> pd.DataFrame:
    """Return how many items are needed for each effect and discordance.

    Returns
    -------
    DataFrame
        Columns: ``effect``, ``discordance``, ``items`` (missing where impossible), ``power``
        (of the exact McNemar test with that many items), ``reason``.
    """
    rows: list[dict[str, Any]] = []
    for effect in effects:
        for discordance in discordances:
            n = items_needed(effect, discordance, power)
            row: dict[str, Any] = {"effect": effect, "discordance": discordance, "items": n}
            if n is None:
                row["reason"] = "fewer items change than the effect needs"
            else:
                row["power"] = power_of(n, effect, discordance)
            rows.append(row)
    types = {"effect": "Float64", "discordance": "Float64", "items": "Int64", "power": "Float64"}
    return table(rows, {**types, "reason": "string"})
