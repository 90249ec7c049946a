"""Whether the results bear out the five predictions that were written down before any run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.bootstrap import RESAMPLES, Estimate, Floats, estimate
from illusion_lib.divergence.chance import recognition_row
from illusion_lib.divergence.frames import DENSE, ITEM, flags, table, tidy
from illusion_lib.divergence.gaps import (
    G_DENSE,
    M_DENSE,
    SIZE,
    gap,
    pair_values,
    retention_gap,
)
from illusion_lib.divergence.outcomes import LOST, NEITHER, chance_level, outcomes, pairs
from illusion_lib.divergence.paired import MARGIN
from illusion_lib.divergence.recovery import compare_groups, reached
from illusion_lib.divergence.trends import median_interval, sparsity_slope
from illusion_lib.divergence.verdict import COLLAPSED, pruning_verdicts

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"

HIGH_SPARSITY = 0.6
MILD_SPARSITY = 0.5
RANKS = (2, 10)

CLAIMS = {
    "a": f"Wanda's gap is larger than SparseGPT's at equal ratios of {HIGH_SPARSITY} or more",
    "b": f"the median rank of the gold's first token on lost items is {RANKS[0]} to {RANKS[1]}",
    "c": "beam search reaches more lost items than items that failed in both formats",
    "d": f"the gap grows with sparsity and is within ±{MARGIN:.2f} of zero at {MILD_SPARSITY}",
    "e": "the chance-corrected rate of recognition without production is above zero",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One prediction's verdict with its numbers."""

    verdict: str
    numbers: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    items: int = 0
    reason: str | None = None


def predictions(records: Records, *, seed: int = 0, resamples: int = RESAMPLES) -> pd.DataFrame:
    """Return each pre-registered prediction as supported, contradicted or undecided.

    Parameters
    ----------
    records
        Records of a study, dense and pruned cells.
    seed, resamples
        Of the bootstrap over parallel ids.

    Returns
    -------
    DataFrame
        Five rows per model. Columns: ``model``, ``prediction`` (a to e), ``claim``, ``verdict``
        (``supported``: the 95 % interval lies where the claim says; ``contradicted``: it lies
        elsewhere; ``undecided``), ``estimate``, ``low``, ``high`` (of what the claim is about:
        a, the difference of the two retention gaps; b, the median rank; c, the excess rate; d,
        the slope of the gap per unit of sparsity; e, the corrected rate), ``items``,
        ``numbers`` (a sentence), ``reason`` (why undecided without numbers).
    """
    frame, items, found_by = tidy(records), outcomes(records), reached(records)
    rows: list[dict[str, Any]] = []
    for model in frame["model"].unique():
        own = items[items["model"] == model]
        paired = pairs(own)
        searched = found_by[found_by["model"] == model]
        study = _Study(frame[frame["model"] == model], own, paired, searched, seed, resamples)
        for name, test in _TESTS.items():
            found = test(study) if len(paired) else Finding(UNDECIDED, "", reason="no pruned cell")
            rows.append(
                {
                    "model": model,
                    "prediction": name,
                    "claim": CLAIMS[name],
                    "verdict": found.verdict,
                    "estimate": found.estimate,
                    "low": found.low,
                    "high": found.high,
                    "items": found.items,
                    "numbers": found.numbers or found.reason,
                    "reason": found.reason,
                }
            )
    types = dict.fromkeys(("model", "prediction", "claim", "verdict"), "str")
    types |= dict.fromkeys(("estimate", "low", "high"), "Float64")
    return table(rows, {**types, "items": "Int64", "numbers": "str", "reason": "string"})


@dataclass(frozen=True, slots=True)
class _Study:
    records: pd.DataFrame
    items: pd.DataFrame
    paired: pd.DataFrame
    searched: pd.DataFrame
    seed: int
    resamples: int

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def _undecided(reason: str) -> Finding:
    return Finding(UNDECIDED, "", reason=reason)


def _above_zero(found: Estimate, sentence: str) -> Finding:
    """Judge a claim that a number is positive."""
    if found.value is None or found.low is None or found.high is None:
        return _undecided(found.reason or "undefined")
    verdict = SUPPORTED if found.low > 0 else CONTRADICTED if found.high < 0 else UNDECIDED
    numbers = f"{sentence} {found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return Finding(
        verdict,
        f"{numbers}, {found.items} items",
        found.value,
        found.low,
        found.high,
        found.items,
    )


def wanda_over_sparsegpt(study: _Study) -> Finding:
    """Judge (a): difference of the retention gaps of the two methods, pooled over equal ratios."""
    high = study.paired[study.paired["sparsity"] >= HIGH_SPARSITY]
    key = [*ITEM, "parallel_id", "sparsity", "pattern", "calibration_seed"]
    columns = ["recognises_dense", "produces_dense", "recognises", "produces", "n_options"]
    wanda, sparsegpt = (
        high.loc[high["method"] == method, key + columns] for method in ("wanda", "sparsegpt")
    )
    both = wanda.fillna({"pattern": ""}).merge(
        sparsegpt.fillna({"pattern": ""}), on=key, suffixes=("", "_other")
    )
    chance = chance_level(both["n_options"])
    if both.empty or chance is None:
        return _undecided(
            f"no Wanda and SparseGPT cells at an equal ratio of {HIGH_SPARSITY} or more"
        )
    other = [flags(both["recognises_other"]), flags(both["produces_other"])]
    values = np.column_stack([pair_values(both), *other])  # (items, 7)

    def difference(sums: Floats) -> Floats:
        second = sums[..., [M_DENSE, G_DENSE, 5, 6, SIZE]]
        return retention_gap(sums[..., :5], chance) - retention_gap(second, chance)

    pseudo = ((1, 1, 1, 0, 1, 1, 1), (1, 1, 1, 1, 1, 1, 0))
    found = estimate(
        values, both["parallel_id"], difference, pseudo, study.rng(), resamples=study.resamples
    )
    ratios = ", ".join(f"{s:g}" for s in sorted(both["sparsity"].unique()))
    return _above_zero(found, f"Wanda minus SparseGPT at {ratios}:")


def small_rank(study: _Study) -> Finding:
    """Judge (b): median rank of the gold on lost items over all prunings, clusters resampled."""
    if "target_rank" not in study.records:
        return _undecided("no rank probe")
    ranks = study.records[
        (study.records["probe"] == "rank")
        & (study.records["target"] == "gold")
        & study.records["target_rank"].notna()
    ]
    lost = study.paired.loc[study.paired["flow"] == LOST, ["cell", *ITEM, "parallel_id"]]
    found = lost.merge(ranks[["cell", *ITEM, "target_rank"]], on=["cell", *ITEM])
    if found.empty:
        return _undecided("no lost answer with a rank")
    values = found["target_rank"].to_numpy(dtype=np.float64)
    low, high = median_interval(values, found["parallel_id"], study.rng(), study.resamples)
    median = float(np.median(values))
    inside = RANKS[0] <= low and high <= RANKS[1]
    outside = high < RANKS[0] or low > RANKS[1]
    verdict = SUPPORTED if inside else CONTRADICTED if outside else UNDECIDED
    numbers = f"median rank {median:g} [{low:g}, {high:g}], {len(found)} lost answers"
    return Finding(verdict, numbers, median, low, high, len(found))


def beam_recovers(study: _Study) -> Finding:
    """Judge (c): reach of beam search on lost items against items failed in both formats."""
    found = study.searched[study.searched["probe"] == "beam"]
    lost, neither = found[found["group"] == LOST], found[found["group"] == NEITHER]
    row = compare_groups(
        flags(lost["reached"]),
        lost["parallel_id"],
        flags(neither["reached"]),
        neither["parallel_id"],
    )
    if "reason" in row:
        return _undecided(f"beam search: {row['reason']}")
    verdict = SUPPORTED if row["low"] > 0 else CONTRADICTED if row["high"] < 0 else UNDECIDED
    numbers = (
        f"beam search reaches {row['lost_rate']:.0%} of {row['lost_items']} lost answers and "
        f"{row['control_rate']:.0%} of {row['control_items']} that failed in both formats: "
        f"{row['excess']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
    )
    return Finding(verdict, numbers, row["excess"], row["low"], row["high"], row["lost_items"])


def gap_grows(study: _Study) -> Finding:
    """Judge (d): slope of the retention gap on sparsity, and its size at mild sparsity."""
    judged = pruning_verdicts(study.items, seed=study.seed, resamples=study.resamples)
    dead = judged[judged["status"] == COLLAPSED].fillna({"pattern": ""})
    key = list(zip(dead["method"], dead["sparsity"], dead["pattern"], strict=True))
    plain = study.paired.fillna({"pattern": ""})
    own = list(zip(plain["method"], plain["sparsity"], plain["pattern"], strict=True))
    alive = study.paired[[name not in key for name in own]]
    alive = alive[alive["sparsity"].notna()]
    if alive["sparsity"].nunique() < 2:
        return _undecided("fewer than two sparsities at which the model has not collapsed")
    slope = sparsity_slope(alive, study.rng(), resamples=study.resamples)
    grows = _above_zero(slope, "slope per unit of sparsity")
    mild = study.paired[
        (study.paired["sparsity"] == MILD_SPARSITY) & study.paired["pattern"].isna()
    ]
    if grows.estimate is None or mild.empty:
        reason = grows.reason or f"no unstructured cell at {MILD_SPARSITY}"
        return Finding(
            CONTRADICTED if grows.verdict == CONTRADICTED else UNDECIDED,
            grows.numbers,
            grows.estimate,
            grows.low,
            grows.high,
            grows.items,
            reason,
        )
    at = gap(mild, seed=study.seed, resamples=study.resamples)
    verdict = _both(grows.verdict, _near_zero(at))
    size = "undefined" if at.low is None else f"{at.value:+.2f} [{at.low:+.2f}, {at.high:+.2f}]"
    numbers = f"{grows.numbers}; gap at {MILD_SPARSITY}: {size}"
    return Finding(verdict, numbers, grows.estimate, grows.low, grows.high, grows.items)


def _near_zero(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return UNDECIDED
    if found.low > MARGIN or found.high < -MARGIN:
        return CONTRADICTED
    equivalent = found.p_equivalent(MARGIN)
    return SUPPORTED if equivalent is not None and equivalent <= 0.05 else UNDECIDED


def _both(*verdicts: str) -> str:
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    return SUPPORTED if set(verdicts) == {SUPPORTED} else UNDECIDED


def corrected_rate(study: _Study) -> Finding:
    """Judge (e): chance-corrected share picked among what the pruned models do not produce."""
    asked = study.items[(study.items["method"] != DENSE) & study.items["outcome"].notna()]
    row = recognition_row(asked)
    if row.get("corrected") is None:
        return _undecided(row.get("reason") or "undefined")
    found = Estimate(row["corrected"], row["corrected_low"], row["corrected_high"], row["items"], 0)
    sentence = (
        f"picks {row['picked']:.0%} of what it does not produce (chance {row['chance']:.0%}):"
    )
    return _above_zero(found, sentence)


_TESTS: dict[str, Callable[[_Study], Finding]] = {
    "a": wanda_over_sparsegpt,
    "b": small_rank,
    "c": beam_recovers,
    "d": gap_grows,
    "e": corrected_rate,
}
