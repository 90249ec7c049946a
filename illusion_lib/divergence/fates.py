"""Which lost answer is demoted and which erased, by a rule that can be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from illusion_lib.divergence.answers import Records, shared
from illusion_lib.divergence.frames import DENSE, FRONT, FRONT_TYPES, ITEM, cells, table, tidy
from illusion_lib.divergence.intervals import share_interval
from illusion_lib.divergence.outcomes import LOST
from illusion_lib.divergence.recovery import (
    DISTRACTOR,
    LOST_COLLAPSED,
    NEAR_TOP,
    reached,
)
from illusion_lib.records import RECOVERY

DEMOTED, ERASED, UNDECIDED, COLLAPSED = FATES = ("demoted", "erased", "undecided", "collapsed")


@dataclass(frozen=True, slots=True)
class FateRule:
    """When a lost answer counts as demoted or erased.

    Attributes
    ----------
    far
        The gold's first token is out of reach beyond this rank.
    near_top
        The rank up to which it counts as near.
    """

    far: int = 100
    near_top: int = NEAR_TOP

    @property
    def text(self) -> tuple[str, ...]:
        """The rule in words."""
        return (
            "A lost answer was picked and produced by the dense model; the pruned model still "
            "picks it and no longer produces it.",
            "Collapsed, counted apart: its open output is empty, a loop or in the wrong language.",
            "Demoted: at least one of beam search, sampling and one-shot prompting reaches the "
            "gold answer, and more of them reach it than reach the distractor.",
            "Erased: beam search, sampling and one-shot prompting were all tried, none reaches the "
            f"gold answer, and the rank of its first token is beyond {self.far}.",
            "Undecided: everything else; a low one-shot recovery alone never means erased.",
        )


@shared
def item_fates(records: Records, rule: FateRule | None = None) -> pd.DataFrame:
    """Return the fate of every lost answer.

    Parameters
    ----------
    records
        Records of dense and pruned cells with recovery and rank probes.
    rule
        The rule and its parameters; the default rule if None.

    Returns
    -------
    DataFrame
        One row per pruned cell and lost item. Columns: the front columns, ``language, item_id,
        parallel_id``, ``beam``, ``sample``, ``one_shot`` (whether the gold was reached; missing
        where not tried), ``distractor_probes`` (how many of them reached the distractor),
        ``target_rank`` (of the gold), ``near_top`` (rank within the rule's limit), ``fate``
        (``demoted``, ``erased``, ``undecided``, ``collapsed``).
    """
    used = rule or FateRule()
    found = reached(records, used.near_top)
    key = [*FRONT, *ITEM, "parallel_id"]
    lost = found[found["group"].isin([LOST, LOST_COLLAPSED])]
    columns = [*key, *RECOVERY, "distractor_probes", "target_rank", "near_top", "fate"]
    if lost.empty:
        return table([], _fate_types(columns))
    rows = lost.drop_duplicates(["model", "cell", *ITEM])[[*key, "group"]]
    for probe in RECOVERY:
        rows = _attach(rows, lost[lost["probe"] == probe], {"reached": probe})
    wrong = found[(found["group"] == DISTRACTOR) & found["probe"].isin(RECOVERY)]
    hits = wrong.groupby(["model", "cell", *ITEM])["reached"].sum().rename("distractor_probes")
    rows = rows.merge(hits.reset_index(), on=["model", "cell", *ITEM], how="left")
    rows = _attach(rows, lost[lost["probe"] == "rank"], {"target_rank": "target_rank"})
    rows["distractor_probes"] = rows["distractor_probes"].astype("Int64").fillna(0)
    rows["near_top"] = rows["target_rank"] <= used.near_top
    rows["fate"] = [_fate(row, used) for row in rows.to_dict("records")]
    return rows[columns].astype(_fate_types(columns)).reset_index(drop=True)


def _attach(rows: pd.DataFrame, part: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    key = ["model", "cell", *ITEM]
    return rows.merge(part[[*key, *names]].rename(columns=names), on=key, how="left")


def _fate(row: dict[Any, Any], rule: FateRule) -> str:
    if row["group"] == LOST_COLLAPSED:
        return COLLAPSED
    tried = [row[probe] for probe in RECOVERY if not pd.isna(row[probe])]
    if any(tried) and sum(tried) > row["distractor_probes"]:
        return DEMOTED
    rank = row["target_rank"]
    if len(tried) == len(RECOVERY) and not any(tried) and not pd.isna(rank) and rank > rule.far:
        return ERASED
    return UNDECIDED


def _fate_types(columns: list[str]) -> dict[str, str]:
    booleans = dict.fromkeys((*RECOVERY, "near_top"), "boolean")
    numbers = dict.fromkeys(("distractor_probes", "target_rank"), "Int64")
    types = {**FRONT_TYPES, **booleans, **numbers}
    return {name: types.get(name, "str") for name in columns}


def fate_counts(records: Records, rule: FateRule | None = None) -> pd.DataFrame:
    """Return how many lost answers of each pruned cell meet each fate.

    Parameters
    ----------
    records, rule
        As for `item_fates`.

    Returns
    -------
    DataFrame
        Four rows per pruned cell. Columns: the front columns, ``fate``, ``items``, ``total``
        (lost answers whose output did not collapse), ``share`` of that total with ``low``,
        ``high`` (95 %; missing for ``collapsed``), ``reason``.
    """
    frame = tidy(records)
    fates = item_fates(records, rule)
    rows = []
    for front, _ in cells(frame[frame["method"] != DENSE]):
        own = fates[(fates["model"] == front["model"]) & (fates["cell"] == front["cell"])]
        intact = own[own["fate"] != COLLAPSED]
        for fate in FATES:
            row = {**front, "fate": fate, "total": len(intact)}
            row["items"] = int((own["fate"] == fate).sum())
            hits = (intact["fate"] == fate).to_numpy(dtype=float)
            limits = share_interval(hits, intact["parallel_id"])
            if fate == COLLAPSED:
                row["reason"] = "counted apart"
            elif limits is None:
                row["reason"] = "no lost answer"
            else:
                row |= {"share": float(hits.mean()), "low": limits[0], "high": limits[1]}
            rows.append(row)
    types = {"fate": "str", "items": "Int64", "total": "Int64"}
    types |= dict.fromkeys(("share", "low", "high"), "Float64") | {"reason": "string"}
    return table(rows, {**FRONT_TYPES, **types})
