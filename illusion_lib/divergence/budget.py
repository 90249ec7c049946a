"""How recovery grows with the number of tries, for lost answers and for the controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.bootstrap import RESAMPLES, Floats, Statistic, estimate_from, resample
from illusion_lib.divergence.frames import FRONT_TYPES, ITEM, cells, table, tidy
from illusion_lib.divergence.gaps import ESTIMATE_TYPES, as_row
from illusion_lib.divergence.outcomes import LOST, NEITHER, outcomes
from illusion_lib.divergence.recovery import DENSE_FAILURES, DISTRACTOR, group_members
from illusion_lib.records import RECOVERY

CURVE_GROUPS = (LOST, NEITHER, DENSE_FAILURES, DISTRACTOR)
# Tries of these are exchangeable, so any smaller budget can be estimated without bias.
EXCHANGEABLE = ("sample", "one_shot")
# Probes at several budgets, and the single search that each of them extends.
_CURVES = {"beam_curve": "beam", "sample_curve": "sample"}


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


def budget_curve(records: Records, *, seed: int = 0, resamples: int = RESAMPLES) -> pd.DataFrame:
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
        ``beam`` at each width that was searched, for a narrower search is another search),
        ``temperature`` (of ``sample`` where several were drawn; else missing), ``group``
        (``lost``, ``neither``, ``dense_failures``, ``distractor``), ``budget`` (tries),
        ``estimate`` (share reached), ``low``, ``high``, ``items``, ``clusters``, ``reason``.
        Items whose probe made fewer tries than the most are left out.
    """
    searched = searches(tidy(records))
    members = group_members(outcomes(records))
    found = members[members["group"].isin(CURVE_GROUPS)].merge(
        searched.rename(columns={"cell": "asked_cell"}),
        on=["model", "asked_cell", *ITEM, "target"],
        how="inner",
    )
    rows: list[dict[str, Any]] = []
    for front, cell in cells(found):
        keys = ["probe", "temperature", "group"]
        for (probe, heat, group), part in cell.groupby(keys, sort=False, dropna=False):
            place = {**front, "probe": probe, "temperature": heat, "group": group}
            rows += [place | row for row in _curve(part, str(probe), seed, resamples)]
    types = {"probe": "str", "temperature": "Float64", "group": "str", "budget": "Int64"}
    return table(rows, {**FRONT_TYPES, **types, **ESTIMATE_TYPES})


def searches(frame: pd.DataFrame) -> pd.DataFrame:
    """Return every search of the records, one row for each item, target and budget.

    Parameters
    ----------
    frame
        Result of `tidy`.

    Returns
    -------
    DataFrame
        Columns: ``model, cell, language, item_id, target``, ``probe`` (``beam``, ``sample``,
        ``one_shot``), ``temperature``, ``successes``, ``tries``. A curve over several budgets
        stands for the single search of its kind, of which it is the fuller record.
    """
    kept = ["model", "cell", *ITEM, "target", "probe"]
    single = frame[frame["probe"].isin(RECOVERY) & frame["correct"].notna()]
    parts = [single.assign(temperature=np.nan)]
    for curve, probe in _CURVES.items():
        rows = frame[frame["probe"] == curve]
        if rows.empty:
            continue
        spread = rows.assign(
            temperature=rows["budgets"] if probe == "sample" else np.nan,
            successes=rows["budget_successes"],
            tries=rows["budget_tries"],
            probe=probe,
        )
        lists = ["successes", "tries", *(["temperature"] if probe == "sample" else [])]
        parts[0] = parts[0][parts[0]["probe"] != probe]
        parts.append(spread.explode(lists))
    columns = [*kept, "temperature", "successes", "tries"]
    whole = pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)
    whole = whole[whole["tries"].notna()]
    return whole.astype({"temperature": "Float64", "successes": "Int64", "tries": "Int64"})


def _curve(part: pd.DataFrame, probe: str, seed: int, resamples: int) -> list[dict[str, Any]]:
    """Return the curve of one group: by pass@k, or budget by budget where they are searches."""
    reach: dict[int, Floats] = {}
    if probe in EXCHANGEABLE:
        tries = int(part["tries"].max())
        full = part[part["tries"] == tries]
        successes = full["successes"].to_numpy(dtype=np.float64)
        n = np.full(successes.size, tries)
        reach = {k: pass_at_k(successes, n, k) for k in budgets(tries)}
    else:
        hits = part.assign(hit=part["successes"] > 0).pivot(
            index=[*ITEM, "parallel_id"], columns="tries", values="hit"
        )
        hits = hits.dropna()
        full = hits.index.to_frame(index=False)
        reach = {int(k): hits[k].to_numpy(dtype=np.float64) for k in hits.columns}
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
