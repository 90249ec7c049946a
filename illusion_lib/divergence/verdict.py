"""Up to which sparsity multiple choice may be trusted, by a rule that can be printed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from illusion_lib.divergence.bootstrap import RESAMPLES
from illusion_lib.divergence.chance import above_chance
from illusion_lib.divergence.frames import flags, front_of, table
from illusion_lib.divergence.gaps import HEADLINE, gap
from illusion_lib.divergence.intervals import share_interval
from illusion_lib.divergence.outcomes import chance_level, pairs
from illusion_lib.divergence.paired import MARGIN, holm

COLLAPSED = "collapsed"
ILLUSION = "illusion"
EQUIVALENT = "equivalent"
REVERSE = "reverse"
UNDECIDED = "undecided"
UNMEASURABLE = "unmeasurable"

NO_ILLUSION = "no_illusion"
TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a pruned model shows an illusion, none, or too little to tell.

    Attributes
    ----------
    margin
        Largest gap that does not matter.
    alpha
        Level of each test.
    floor
        Production up to this share counts as none.
    measure
        Which gap of `gaps` is judged.
    """

    margin: float = MARGIN
    alpha: float = 0.05
    floor: float = 0.05
    measure: str = HEADLINE

    @property
    def text(self) -> tuple[str, ...]:
        """The rule in words, one sentence a step, for the reader."""
        return (
            f"The gap judged is the {self.measure.replace('_', ' ')}: the share of its abilities "
            "that the model keeps in multiple choice minus the share that it keeps in open answers"
            f"{', after the correction for guessing' if 'corrected' in self.measure else ''}.",
            f"Unmeasurable: the dense model's picks cannot be told from guessing, or it produces "
            f"at most {self.floor:.0%} of the answers.",
            f"Collapsed: the pruned model produces at most {self.floor:.0%} of the answers, and "
            f"its picks are within {self.margin:.2f} of guessing and cannot be told from it.",
            f"Equivalent: two one-sided tests at level {self.alpha:.2f} show that the gap lies "
            f"within ±{self.margin:.2f}.",
            f"Illusion: not equivalent, and the gap is above zero at level {self.alpha:.2f} after "
            "Holm's correction over all prunings of the model.",
            "Reverse: the same below zero; recognition suffered more than production.",
            "Undecided: none of these; more items are needed.",
            "Multiple choice is trusted up to the largest sparsity at which equivalence holds "
            "there and at every smaller one of the same method (a fixed sequence, so each test "
            "keeps its level).",
        )


def pruning_verdicts(
    items: pd.DataFrame, rule: Rule | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Return what the rule says of each pruning, over all languages and calibration draws.

    Parameters
    ----------
    items
        Result of `outcomes`.
    rule
        The rule and its parameters; the default rule if None.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        One row per model, method, sparsity and pattern, by rising sparsity. Columns: ``model,
        method, sparsity, pattern, label``; ``series`` (the method; "method n:m" for patterns);
        ``status`` (``equivalent``, ``illusion``, ``reverse``, ``collapsed``, ``undecided``,
        ``unmeasurable``); ``gap``, ``low``, ``high`` (95 %), ``p_equivalent``, ``p_illusion``,
        ``p_reverse`` (one-sided), ``p_illusion_holm``, ``p_reverse_holm``; ``recognition``,
        ``recognition_low``, ``production``, ``recognition_dense``, ``production_dense``,
        ``chance``; ``draws`` (calibration draws), ``items``, ``clusters``, ``reason``.
    """
    used = rule or Rule()
    rows: list[dict[str, Any]] = []
    for _, model in pairs(items).groupby("model", sort=False):
        prunings = [
            _measure(part, used, seed, resamples)
            for _, part in model.groupby(["sparsity", "method", "pattern"], dropna=False)
        ]
        for side in ("illusion", "reverse"):
            adjusted = holm([row[f"p_{side}"] for row in prunings])
            for row, p in zip(prunings, adjusted, strict=True):
                row[f"p_{side}_holm"] = p
        rows += [row | {"status": _status(row, used)} for row in prunings]
    return table(rows, _PRUNING_TYPES)


_PRUNING_TYPES = {
    **dict.fromkeys(("model", "method"), "str"),
    "sparsity": "Float64",
    "pattern": "string",
    **dict.fromkeys(("label", "series", "status"), "str"),
    **dict.fromkeys(("gap", "low", "high", "p_equivalent"), "Float64"),
    **dict.fromkeys(("p_illusion", "p_reverse", "p_illusion_holm", "p_reverse_holm"), "Float64"),
    **dict.fromkeys(("recognition", "recognition_low", "production"), "Float64"),
    **dict.fromkeys(("recognition_dense", "production_dense", "chance"), "Float64"),
    **dict.fromkeys(("draws", "items", "clusters"), "Int64"),
    "reason": "string",
}


def _measure(part: pd.DataFrame, rule: Rule, seed: int, resamples: int) -> dict[str, Any]:
    found = gap(part, rule.measure, seed=seed, resamples=resamples)
    front = front_of(part)
    chance = chance_level(part["n_options"])
    m, m_dense = flags(part["recognises"]), flags(part["recognises_dense"])
    low, _ = share_interval(m, part["parallel_id"]) or (0.0, 1.0)
    dense_low, _ = share_interval(m_dense, part["parallel_id"]) or (0.0, 1.0)
    row = {
        **{name: front[name] for name in ("model", "method", "sparsity", "pattern", "label")},
        "series": front["method"] + ("" if pd.isna(front["pattern"]) else " n:m"),
        "gap": found.value,
        "low": found.low,
        "high": found.high,
        "p_equivalent": found.p_equivalent(rule.margin),
        "p_illusion": found.p_above(0.0),
        "p_reverse": found.p_below(0.0),
        "recognition": float(m.mean()),
        "recognition_low": low,
        "production": float(flags(part["produces"]).mean()),
        "recognition_dense": float(m_dense.mean()),
        "production_dense": float(flags(part["produces_dense"]).mean()),
        "chance": chance,
        "draws": part["calibration_seed"].nunique(),
        "items": found.items,
        "clusters": found.clusters,
        "reason": found.reason,
    }
    weak = None
    if chance is not None and dense_low <= chance:
        weak = "the dense model's picks cannot be told from guessing"
    elif row["production_dense"] <= rule.floor:
        weak = f"the dense model produces at most {rule.floor:.0%} of the answers"
    if weak is None:
        return row
    # A share of what is not there is no number, and no member of a family of tests.
    numbers = ("gap", "low", "high", "p_equivalent", "p_illusion", "p_reverse")
    return row | dict.fromkeys(numbers) | {"reason": weak}


def _status(row: dict[str, Any], rule: Rule) -> str:
    if row["gap"] is not None and row["low"] is None:
        return UNDECIDED
    if row["reason"] is not None:
        return UNMEASURABLE
    chance = row["chance"]
    if (
        chance is not None
        and row["production"] <= rule.floor
        and row["recognition_low"] <= chance
        and above_chance(row["recognition"], chance) <= rule.margin
    ):
        return COLLAPSED
    if row["p_equivalent"] <= rule.alpha:
        return EQUIVALENT
    if row["p_illusion_holm"] <= rule.alpha:
        return ILLUSION
    return REVERSE if row["p_reverse_holm"] <= rule.alpha else UNDECIDED


def method_verdicts(prunings: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict on multiple choice for each model and series of prunings.

    Parameters
    ----------
    prunings
        Result of `pruning_verdicts`.

    Returns
    -------
    DataFrame
        One row per model and series. Columns: ``model``, ``series``; ``verdict``:
        ``illusion`` (from ``illusion_sparsity`` on), ``no_illusion`` (equivalent at every
        sparsity short of collapse), ``reverse``, ``collapsed`` (nothing but collapse),
        ``unmeasurable`` or ``too_few`` (undecided); ``trusted_sparsity`` (largest at which
        equivalence still holds), ``illusion_sparsity`` (smallest with an illusion),
        ``collapsed_sparsity`` (smallest with collapse), each missing where there is none;
        ``tested`` (number of prunings); then of the pruning that the sentence should quote (the
        first illusion; else the sparsest that did not collapse; else the last): ``quoted_label``,
        ``quoted_sparsity``, ``recognised_of_100``, ``produced_of_100``,
        ``recognised_of_100_dense``, ``produced_of_100_dense``, ``gap``, ``low``, ``high``,
        ``items``, ``reason``.
    """
    rows = [
        {"model": model, "series": series, **_series_verdict(part)}
        for (model, series), part in prunings.groupby(["model", "series"], sort=False)
    ]
    return table(rows, _METHOD_TYPES)


_METHOD_TYPES = {
    **dict.fromkeys(("model", "series", "verdict"), "str"),
    **dict.fromkeys(("trusted_sparsity", "illusion_sparsity", "collapsed_sparsity"), "Float64"),
    "tested": "Int64",
    "quoted_label": "str",
    "quoted_sparsity": "Float64",
    **dict.fromkeys(("recognised_of_100", "produced_of_100"), "Int64"),
    **dict.fromkeys(("recognised_of_100_dense", "produced_of_100_dense"), "Int64"),
    **dict.fromkeys(("gap", "low", "high"), "Float64"),
    "items": "Int64",
    "reason": "string",
}


def _series_verdict(part: pd.DataFrame) -> dict[str, Any]:
    ordered = part.sort_values("sparsity", kind="stable")
    status = ordered["status"]
    holds = (status == EQUIVALENT).cummin()
    first_illusion = _first(ordered, ILLUSION)
    alive = ordered[status != COLLAPSED]
    if (status == ILLUSION).any():
        quoted = ordered[status == ILLUSION].iloc[0]
    else:
        quoted = (alive if len(alive) else ordered).iloc[-1]
    return {
        "verdict": _series_name(alive["status"]),
        "trusted_sparsity": ordered["sparsity"][holds].max() if holds.any() else None,
        "illusion_sparsity": first_illusion,
        "collapsed_sparsity": _first(ordered, COLLAPSED),
        "tested": len(ordered),
        "quoted_label": quoted["label"],
        "quoted_sparsity": quoted["sparsity"],
        **{
            f"{short}_of_100{end}": _of_100(float(quoted[f"{name}{end}"]))
            for short, name in (("recognised", "recognition"), ("produced", "production"))
            for end in ("", "_dense")
        },
        **{name: quoted[name] for name in ("gap", "low", "high", "items", "reason")},
    }


def _of_100(share: float) -> int:
    """Return a share as so many of 100, halves up, as a reader rounds it."""
    return math.floor(round(100 * share, 9) + 0.5)


def _first(ordered: pd.DataFrame, status: str) -> float | None:
    found = ordered["sparsity"][ordered["status"] == status]
    return None if found.empty else found.iloc[0]


def _series_name(alive: pd.Series[Any]) -> str:
    if alive.empty:
        return COLLAPSED
    for name in (ILLUSION, UNMEASURABLE):
        if (alive == name).any():
            return name
    if (alive == EQUIVALENT).all():
        return NO_ILLUSION
    return REVERSE if (alive == REVERSE).any() and not (alive == UNDECIDED).any() else TOO_FEW


def model_verdicts(methods: pd.DataFrame) -> pd.DataFrame:
    """Return the one verdict per model for the start page: its most telling series.

    Parameters
    ----------
    methods
        Result of `method_verdicts`.

    Returns
    -------
    DataFrame
        One row per model, the columns of `method_verdicts`: of the series whose illusion starts
        at the smallest sparsity (ties: the largest gap); without an illusion, of the least
        favourable verdict.
    """
    order = (ILLUSION, TOO_FEW, REVERSE, NO_ILLUSION, COLLAPSED, UNMEASURABLE)
    rank = methods["verdict"].map({name: place for place, name in enumerate(order)})
    ranked = methods.assign(rank=rank, size=-methods["gap"]).sort_values(
        ["rank", "illusion_sparsity", "size"], kind="stable"
    )
    return ranked.drop_duplicates("model").drop(columns=["rank", "size"]).reset_index(drop=True)
