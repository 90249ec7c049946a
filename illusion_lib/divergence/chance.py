"""How much of a multiple-choice score is guessing, and what is left without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from illusion_lib.divergence.bootstrap import Floats
from illusion_lib.divergence.frames import FRONT_TYPES, cells, flags, languages, table
from illusion_lib.divergence.intervals import share_interval
from illusion_lib.divergence.outcomes import chance_level


def above_chance(accuracy: ArrayLike, chance: ArrayLike) -> Floats:
    """Return accuracy on the scale where guessing is 0 and perfection is 1.

    Parameters
    ----------
    accuracy
        Share of right picks.
    chance
        What a guesser gets, 1/K with K options; below 1.

    Returns
    -------
    ndarray
        ``(accuracy - chance) / (1 - chance)``; negative below chance.

    Examples
    --------
    >>> float(above_chance(0.625, 0.25))
    0.5
    """
    c = np.asarray(chance, dtype=np.float64)
    corrected: Floats = (np.asarray(accuracy, dtype=np.float64) - c) / (1 - c)
    return corrected


def latent_recognition(
    recognises: ArrayLike, produces: ArrayLike, chance: ArrayLike
) -> dict[str, Any]:
    """Return how many items are truly recognised if the model guesses where it does not know.

    An item that is produced counts as known. Of the others a share r is picked; a guesser would
    pick the share 1/K, so the share truly recognised among them is (r - 1/K)/(1 - 1/K), cut to
    [0, 1]: the maximum-likelihood estimate when a pick is either knowledge or a uniform guess.

    Parameters
    ----------
    recognises, produces
        0/1 (items,).
    chance
        1/K, one value or (items,).

    Returns
    -------
    dict
        ``unproduced`` items; ``picked`` share r among them; ``chance``; ``corrected`` share
        (may be negative); ``latent`` recognition over all items. None where undefined.
    """
    m = np.asarray(recognises, dtype=np.float64)
    g = np.asarray(produces, dtype=np.float64)
    c = np.broadcast_to(np.asarray(chance, dtype=np.float64), m.shape)
    failed = g == 0
    n = int(failed.sum())
    if m.size == 0:
        return dict.fromkeys(("picked", "chance", "corrected", "latent")) | {"unproduced": 0}
    if n == 0:
        return {
            "unproduced": 0,
            "picked": None,
            "chance": float(c.mean()),
            "corrected": None,
            "latent": 1.0,
        }
    picked, guess = float(m[failed].mean()), float(c[failed].mean())
    corrected = float(above_chance(picked, guess))
    known = float(g.mean()) + (n / m.size) * min(max(corrected, 0.0), 1.0)
    return {
        "unproduced": n,
        "picked": picked,
        "chance": guess,
        "corrected": corrected,
        "latent": known,
    }


def recognition_only_rate(items: pd.DataFrame) -> pd.DataFrame:
    """Return how often what is not produced is picked, beside what a guesser picks.

    Parameters
    ----------
    items
        Result of `outcomes`.

    Returns
    -------
    DataFrame
        One row per variant and language. Columns: the front columns, ``language`` ("all" and
        each), ``items`` (not produced), ``picked`` (r), ``low``, ``high`` (95 %), ``chance``
        (1/K), ``corrected`` = (r - 1/K)/(1 - 1/K) with ``corrected_low``, ``corrected_high``,
        ``recognition`` (raw share over all items), ``latent`` (share truly recognised if the
        model guesses where it does not know), ``reason`` (why a number is missing).
    """
    rows = [
        {**front, "language": language, **recognition_row(part)}
        for front, cell in cells(items[items["outcome"].notna()])
        for language, part in languages(cell)
    ]
    numbers = ("picked", "low", "high", "chance", "corrected", "corrected_low", "corrected_high")
    types = {"language": "str", "items": "Int64"}
    types |= dict.fromkeys((*numbers, "recognition", "latent"), "Float64") | {"reason": "string"}
    return table(rows, {**FRONT_TYPES, **types})


def recognition_row(part: pd.DataFrame) -> dict[str, Any]:
    """Return the numbers of one row of `recognition_only_rate`."""
    m, g = flags(part["recognises"]), flags(part["produces"])
    row: dict[str, Any] = {"items": int((g == 0).sum()), "recognition": float(m.mean())}
    if (g == 1).all():
        return row | {"latent": 1.0, "reason": "every item is produced"}
    low, high = share_interval(m[g == 0], part["parallel_id"][g == 0]) or (None, None)
    row |= {"picked": float(m[g == 0].mean()), "low": low, "high": high}
    chance = chance_level(part["n_options"][g == 0])
    if chance is None or low is None or high is None:
        return row | {"reason": "the number of options is not known"}
    found = latent_recognition(m, g, chance)
    return row | {
        "chance": chance,
        "corrected": found["corrected"],
        "corrected_low": float(above_chance(low, chance)),
        "corrected_high": float(above_chance(high, chance)),
        "latent": found["latent"],
    }
