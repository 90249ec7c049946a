"""How recovery grows with the number of tries, for lost answers and for the controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from illusion_lib.divergence.bootstrap import RESAMPLES, Floats, Statistic, estimate_from, resample
from illusion_lib.divergence.frames import DENSE, FRONT_TYPES, cells, table, tidy
from illusion_lib.divergence.gaps import ESTIMATE_TYPES, as_row
from illusion_lib.divergence.outcomes import LOST, NEITHER
from illusion_lib.divergence.recovery import DENSE_FAILURES, DISTRACTOR, reached

CURVE_GROUPS = (LOST, NEITHER, DENSE_FAILURES, DISTRACTOR)
# Tries of these are exchangeable, so any smaller budget can be estimated without bias.
EXCHANGEABLE = ("sample", "one_shot")


def pass_at_k(successes: ArrayLike, tries: ArrayLike, k: int) -> Floats:
    """Return the unbiased chance that at least one of k tries succeeds.

    Parameters
    ----------
    successes, tries
        Integers (items,): c of n tries succeeded.
    k
        The smaller budget, at most every n.

    Returns
    -------
    ndarray
        Float (items,): 1 - C(n-c, k)/C(n, k) (Chen et al. 2021, equation 1).

    Raises
    ------
    ValueError
        k is not between 1 and the tries made.

    Examples
    --------
    >>> pass_at_k([0, 1, 4], [4, 4, 4], 1).tolist()
    [0.0, 0.25, 1.0]
    """
    n = np.asarray(tries, dtype=np.float64)
    c = np.asarray(successes, dtype=np.float64)
    if np.any(k > n) or k < 1:
        raise ValueError(f"k must lie in 1..{int(n.min())}, the tries made, got {k}")
    missed: Floats = special.binom(n - c, k) / special.binom(n, k)
    return 1 - missed


def budgets(tries: int) -> tuple[int, ...]:
    """Return 1, 2, 4, ... and the full number of tries."""
    doubling = [2**i for i in range(max(tries, 1).bit_length()) if 2**i < tries]
    return (*doubling, tries)


def budget_curve(
    records: pd.DataFrame, *, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Return the share of items reached within each budget, per group.

    Parameters
    ----------
    records
        Records of dense and pruned cells with recovery probes.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        Columns: the front columns, ``probe`` (``sample`` and ``one_shot`` by the unbiased pass@k;
        ``beam`` at its full width only: a narrower search is another search), ``group``
        (``lost``, ``neither``, ``dense_failures``, ``distractor``), ``budget`` (tries),
        ``estimate`` (share reached), ``low``, ``high``, ``items``, ``clusters``, ``reason``.
        Items whose probe made fewer tries than the most are left out.
    """
    frame = tidy(records)
    found = reached(frame)
    found = found[found["tries"].notna()]
    rows: list[dict[str, Any]] = []
    for front, _ in cells(frame[frame["method"] != DENSE]):
        cell = found[(found["model"] == front["model"]) & (found["cell"] == front["cell"])]
        for (probe, group), part in cell.groupby(["probe", "group"], sort=False):
            if group in CURVE_GROUPS:
                place = {**front, "probe": probe, "group": group}
                rows += [place | row for row in _curve(part, str(probe), seed, resamples)]
    types = {"probe": "str", "group": "str", "budget": "Int64"}
    return table(rows, {**FRONT_TYPES, **types, **ESTIMATE_TYPES})


def _curve(part: pd.DataFrame, probe: str, seed: int, resamples: int) -> list[dict[str, Any]]:
    tries = int(part["tries"].max())
    full = part[part["tries"] == tries]
    if probe not in EXCHANGEABLE:
        reach = {tries: full["reached"].to_numpy(dtype=np.float64)}
    else:
        successes = full["successes"].to_numpy(dtype=np.float64)
        n = np.full(successes.size, tries)
        reach = {k: pass_at_k(successes, n, k) for k in budgets(tries)}
    values = np.column_stack([*reach.values(), np.ones(len(full))])  # (items, budgets + 1)
    # Pseudo-items: one that is never reached, one that always is.
    pseudo = np.vstack([np.zeros(values.shape[1]), np.ones(values.shape[1])])
    pseudo[:, -1] = 1
    rng = np.random.default_rng(seed)
    sums = resample(values, full["parallel_id"], pseudo, rng, resamples)
    found = [estimate_from(sums, _share_in(column)) for column in range(len(reach))]
    return [{"budget": k, **as_row(at)} for k, at in zip(reach, found, strict=True)]


def _share_in(column: int) -> Statistic:
    return lambda sums: sums[..., column] / sums[..., -1]
