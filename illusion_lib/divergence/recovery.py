"""Whether lost answers can be recovered, more often than the same search finds anything at all.

A lost answer is one that the dense model both picked and produced, and that the pruned model
still picks but no longer produces. Beam search, sampling, one-shot prompts and the rank of the
gold look for it; the same probes at the same budget run on three controls, because many tries
find something anyway.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from illusion_lib.divergence.answers import Records, shared
from illusion_lib.divergence.bootstrap import Floats, cluster_codes
from illusion_lib.divergence.frames import (
    DENSE,
    FRONT,
    FRONT_TYPES,
    ITEM,
    cells,
    flags,
    table,
    tidy,
)
from illusion_lib.divergence.intervals import effective_items, share_difference, share_interval
from illusion_lib.divergence.outcomes import LOST, NEITHER, outcomes, pairs
from illusion_lib.divergence.paired import holm
from illusion_lib.records import RECOVERY

NEAR_TOP = 10
COLLAPSED = ("empty", "repetition", "wrong_language")
ANY = "any"
PROBES = (*RECOVERY, ANY, "rank")

LOST_COLLAPSED = "lost_collapsed"
DENSE_FAILURES = "dense_failures"
DISTRACTOR = "distractor"
GROUPS = (LOST, LOST_COLLAPSED, NEITHER, DENSE_FAILURES, DISTRACTOR)
CONTROLS = (NEITHER, DENSE_FAILURES, DISTRACTOR)


@shared
def reached(records: Records, near_top: int = NEAR_TOP) -> pd.DataFrame:
    """Return which probe reached its target on which item of which recovery group.

    Parameters
    ----------
    records
        Records of dense and pruned cells with recovery or rank probes.
    near_top
        A rank up to this counts as reached.

    Returns
    -------
    DataFrame
        One row per pruned cell, group, item and probe. Columns: the front columns, ``group``
        (``lost``; ``lost_collapsed``: lost, and the open output was empty, a loop or in the wrong
        language; ``neither``: failed in both formats by the pruned cell; ``dense_failures``: not
        produced by the dense model, probes of the dense model; ``distractor``: a wrong answer as
        target on the lost items), ``language, item_id, parallel_id``, ``probe`` (``beam``,
        ``sample``, ``one_shot``, ``any`` of these three, ``rank``), ``reached`` (boolean),
        ``successes``, ``tries`` (missing for ``any`` and ``rank``), ``target_rank`` (for
        ``rank``).
    """
    hits = _hits(tidy(records), near_top)
    found = group_members(outcomes(records)).merge(
        hits.rename(columns={"cell": "asked_cell"}),
        on=["asked_cell", "model", *ITEM, "target"],
        how="inner",
    )
    columns = [*FRONT, "group", *ITEM, "parallel_id", "probe"]
    return found[[*columns, "reached", "successes", "tries", "target_rank"]]


def group_members(items: pd.DataFrame) -> pd.DataFrame:
    """Return the items of every group of every pruned cell, with the cell and target to look up.

    Parameters
    ----------
    items
        Result of `outcomes`.

    Returns
    -------
    DataFrame
        One row per pruned cell, group and item. Columns: the front columns, ``language, item_id,
        parallel_id``, ``group``, ``asked_cell`` (where its probes ran), ``target``.
    """
    paired = pairs(items)
    lost = paired[paired["flow"] == LOST]
    collapsed = lost["output_class"].isin(COLLAPSED)
    # A missing answer compares as missing, which is no failure.
    failures = items[(items["method"] == DENSE) & items["produces"].eq(False)]
    failures = failures[["model", "cell", *ITEM, "parallel_id"]].rename(
        columns={"cell": "asked_cell"}
    )
    pruned = paired[[*FRONT]].drop_duplicates(["model", "cell"])
    chosen = {
        LOST: (lost[~collapsed], "gold"),
        LOST_COLLAPSED: (lost[collapsed], "gold"),
        NEITHER: (paired[paired["outcome"] == NEITHER], "gold"),
        DENSE_FAILURES: (pruned.merge(failures, on="model"), "gold"),
        DISTRACTOR: (lost[~collapsed], "distractor"),
    }
    columns = [*FRONT, *ITEM, "parallel_id", "group", "asked_cell", "target"]
    members = [
        (rows if "asked_cell" in rows else rows.assign(asked_cell=rows["cell"])).assign(
            group=group, target=target
        )[columns]
        for group, (rows, target) in chosen.items()
    ]
    whole = pd.concat(members, ignore_index=True)
    place = pd.MultiIndex.from_frame(pruned[["model", "cell"]])
    order = place.get_indexer(pd.MultiIndex.from_frame(whole[["model", "cell"]]))
    return whole.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)  # cell by cell


def _hits(frame: pd.DataFrame, near_top: int) -> pd.DataFrame:
    """Return reached or not per cell, item, target and probe, with the row ``any`` added."""
    for name in ("successes", "tries", "target_rank"):
        if name not in frame:
            frame[name] = pd.NA
    key = ["model", "cell", *ITEM, "target"]
    counts = dict.fromkeys(("successes", "tries", "target_rank"), "Int64")
    frame = frame[[*key, "probe", "correct", *counts]].astype(counts)
    search = frame[frame["probe"].isin(RECOVERY) & frame["correct"].notna()]
    search = search.assign(reached=search["correct"])
    rank = frame[(frame["probe"] == "rank") & frame["target_rank"].notna()]
    rank = rank.assign(reached=rank["target_rank"] <= near_top)
    either = search.groupby(key, sort=False)["reached"].any().reset_index().assign(probe=ANY)
    columns = [*key, "probe", "reached", "successes", "tries", "target_rank"]
    parts = [part.reindex(columns=columns) for part in (search, either, rank)]
    types = {"reached": "boolean"} | counts
    return pd.concat(
        [part.astype(types) for part in parts if len(part)] or [parts[0].astype(types)]
    )


@shared
def recovery(records: Records, near_top: int = NEAR_TOP) -> pd.DataFrame:
    """Return how often each probe reaches its target in each group, with its interval.

    Parameters
    ----------
    records, near_top
        As for `reached`.

    Returns
    -------
    DataFrame
        One row per pruned cell, probe and group, also for empty groups. Columns: the front
        columns, ``probe``, ``group`` (see `reached`), ``budget`` (tries per item; the rank limit
        for ``rank``; missing for ``any``), ``items``, ``successes`` (items reached), ``rate``,
        ``low``, ``high`` (95 %, Wilson on the effective number of items), ``reason``.
    """
    frame = tidy(records)
    found = _Found(reached(records, near_top))
    rows = []
    for front, _ in cells(frame[frame["method"] != DENSE]):
        for probe in found.probes:
            for group in GROUPS:
                part = found.rows(front, probe, group)
                budget = near_top if probe == "rank" else part["tries"].max()
                place = {**front, "probe": probe, "group": group, "budget": budget}
                rows.append(place | _rate(part))
    types = {"probe": "str", "group": "str", "budget": "Int64", "items": "Int64"}
    types |= {"successes": "Int64"} | dict.fromkeys(("rate", "low", "high"), "Float64")
    return table(rows, {**FRONT_TYPES, **types, "reason": "string"})


class _Found:
    """The rows of `reached`, looked up by cell, probe and group."""

    def __init__(self, found: pd.DataFrame) -> None:
        seen = set(found["probe"])
        self.probes = [probe for probe in PROBES if probe in seen]
        # To cut a frame costs time for each column, and numbers are compared faster than names.
        found = found[["model", "cell", "probe", "group", "reached", "tries"]].assign(
            cluster=cluster_codes(found["parallel_id"])
        )
        self._none = found.iloc[:0]
        self._parts = dict(iter(found.groupby(["model", "cell", "probe", "group"], sort=False)))

    def rows(self, front: dict[str, Any], probe: str, group: str) -> pd.DataFrame:
        """Return the rows of one group; none where it is empty."""
        return self._parts.get((front["model"], front["cell"], probe, group), self._none)


def _rate(part: pd.DataFrame) -> dict[str, Any]:
    hits = flags(part["reached"])
    row: dict[str, Any] = {"items": len(part), "successes": int(hits.sum())}
    limits = share_interval(hits, part["cluster"])
    if limits is None:
        return row | {"reason": "no such item"}
    return row | {"rate": float(hits.mean()), "low": limits[0], "high": limits[1]}


@shared
def excess_recovery(records: Records, near_top: int = NEAR_TOP) -> pd.DataFrame:
    """Return how much more often lost answers are reached than each control: the headline.

    Parameters
    ----------
    records, near_top
        As for `reached`.

    Returns
    -------
    DataFrame
        One row per pruned cell, probe and control (``neither``, ``dense_failures``,
        ``distractor``). Columns: the front columns, ``probe``, ``control``, ``lost_items``,
        ``lost_rate``, ``control_items``, ``control_rate``, ``excess`` (lost minus control),
        ``low``, ``high`` (95 %, Newcombe on effective numbers of items), ``p_value`` (Fisher's
        exact test on effective numbers of items, one-sided: the lost are reached more often),
        ``p_holm`` (over the probes and controls of the cell), ``reason``.
    """
    frame = tidy(records)
    found = _Found(reached(records, near_top))
    rows = []
    for front, _ in cells(frame[frame["method"] != DENSE]):
        family = []
        for probe in found.probes:
            lost = found.rows(front, probe, LOST)
            for control in CONTROLS:
                compared = _excess(lost, found.rows(front, probe, control))
                family.append({**front, "probe": probe, "control": control, **compared})
        adjusted = holm([row.get("p_value") for row in family])
        rows += [row | {"p_holm": p} for row, p in zip(family, adjusted, strict=True)]
    types = dict.fromkeys(("probe", "control"), "str")
    types |= dict.fromkeys(("lost_items", "control_items"), "Int64")
    numbers = ("lost_rate", "control_rate", "excess", "low", "high", "p_value", "p_holm")
    types |= dict.fromkeys(numbers, "Float64") | {"reason": "string"}
    return table(rows, {**FRONT_TYPES, **types})


def _excess(lost: pd.DataFrame, other: pd.DataFrame) -> dict[str, Any]:
    return compare_groups(
        flags(lost["reached"]), lost["cluster"], flags(other["reached"]), other["cluster"]
    )


def compare_groups(
    lost: Floats, lost_clusters: Any, control: Floats, control_clusters: Any
) -> dict[str, Any]:
    """Return rates, excess, interval and Fisher's p-value of two groups of 0/1 outcomes."""
    row: dict[str, Any] = {"lost_items": lost.size, "control_items": control.size}
    row |= {"lost_rate": float(lost.mean())} if lost.size else {}
    row |= {"control_rate": float(control.mean())} if control.size else {}
    limits = share_difference(lost, lost_clusters, control, control_clusters)
    if limits is None:
        return row | {"reason": "no lost answer" if not lost.size else "no item in the control"}
    counts = [_effective_counts(lost, lost_clusters), _effective_counts(control, control_clusters)]
    p_value = stats.fisher_exact(counts, alternative="greater").pvalue
    excess = float(lost.mean() - control.mean())
    return row | {"excess": excess, "low": limits[0], "high": limits[1], "p_value": float(p_value)}


def _effective_counts(hits: Floats, clusters: Any) -> tuple[int, int]:
    """Return hits and misses, scaled down to the effective number of items."""
    n = effective_items(hits, clusters)
    reached_items = round(n * float(hits.mean()))
    return reached_items, round(n) - reached_items
