"""Run a study of estimators step by step, keep what is finished, sum it up and draw it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from illusion_lib.anchors import ALWAYS, ESTIMATORS, ResponseMatrix, compare, item_map, trials
from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.catalogue import SLOW
from illusion_lib.anchors.matrix import refuse
from illusion_lib.anchors.splits import SplitName, hub_families
from illusion_lib.anchors.study import KEY
from illusion_lib.report import figures
from illusion_lib.runs.atomic import new_file

OURS = "best"
SPLITS: tuple[SplitName, ...] = ("random", "clone_free", "family", "extrapolation")
TABLE, ESTIMATES, PAIRED = "table.parquet", "estimates.parquet", "paired.parquet"
MEASURES = ("mae", "rmse", "tau_b", "top10", "coverage", "width", "select_seconds", "fit_seconds")
_DRAWN = 7  # lines that a reader can tell apart


@dataclass(frozen=True)
class Plan:
    """What a study is to try.

    Attributes
    ----------
    estimators
        By name, the simple baselines first.
    n_anchors, splits, seeds
        What each is tried with.
    notes
        What was asked for, or usual, and cannot be done.
    """

    estimators: Mapping[str, AnchorEstimator]
    n_anchors: tuple[int, ...]
    splits: tuple[SplitName, ...]
    seeds: int
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of trials."""
        return len(self.estimators) * len(self.n_anchors) * len(self.splits) * self.seeds


def plan(
    matrix: ResponseMatrix,
    n_anchors: Sequence[int],
    splits: Sequence[str] | None = None,
    seeds: int = 5,
    estimators: Sequence[str] | None = None,
    fast: bool = False,
) -> Plan:
    """Return what a study of a matrix tries.

    Parameters
    ----------
    matrix
        The models' answers.
    n_anchors
        Numbers of anchors; those beyond the number of items are left out, with a note.
    splits
        Names of splits; all that the matrix allows if None.
    seeds
        Draws of each split.
    estimators
        Names of estimators, to which the simple baselines are added; all if None.
    fast
        Whether to leave out those that take minutes.

    Raises
    ------
    AnchorError
        A name is unknown, or nothing is left to try.
    """
    unknown = sorted(set(estimators or ()) - set(ESTIMATORS))
    refuse(
        bool(unknown),
        f"unknown estimator {unknown[:1]}; choose among: {', '.join(ESTIMATORS)}",
    )
    strange = sorted(set(splits or ()) - set(get_args(SplitName)))
    refuse(
        bool(strange),
        f"unknown split {strange[:1]}; choose among: {', '.join(get_args(SplitName))}",
    )
    refuse(seeds < 1, f"seeds must be at least 1, got {seeds}")
    notes = []
    sizes = tuple(k for k in dict.fromkeys(n_anchors) if 0 < k <= len(matrix.items))
    refuse(not sizes, f"no number of anchors in 1 to {len(matrix.items)}, the items of this matrix")
    if len(sizes) < len(set(n_anchors)):
        notes.append(f"this matrix has {len(matrix.items)} items; only {list(sizes)} are tried")
    drawn: tuple[Any, ...] = tuple(splits or SPLITS)
    if splits is None and matrix.families is None and hub_families(matrix.models) is None:
        drawn = tuple(name for name in SPLITS if name != "family")
        notes.append("the models' families are not known; the family split is left out")
    named = [*ALWAYS, *(estimators or ESTIMATORS)]
    kept = [name for name in dict.fromkeys(named) if not (fast and name in SLOW)]
    return Plan({name: ESTIMATORS[name] for name in kept}, sizes, drawn, seeds, tuple(notes))


def run(
    matrix: ResponseMatrix, wanted: Plan, level: float | None, folder: Path
) -> Iterator[tuple[int, str]]:
    """Run what is not finished yet, writing after every trial.

    Yields
    ------
    done, what
        Trials finished of `Plan.size`, and the one that just ended, in words.
    """
    table, estimates = _kept(folder / TABLE), _kept(folder / ESTIMATES)
    done = set() if table.empty else set(table[list(KEY)].itertuples(index=False, name=None))
    _same_models(estimates, matrix, folder)
    planned = trials(
        matrix,
        wanted.estimators,
        wanted.n_anchors,
        wanted.splits,
        range(wanted.seeds),
        level,
        done,
    )
    finished = len(done)
    yield finished, ""
    for row, part in planned:
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        estimates = pd.concat([estimates, part], ignore_index=True)
        _write(estimates, folder / ESTIMATES)
        _write(table, folder / TABLE)  # last: a trial counts once this names it
        finished += 1
        yield finished, f"{row['split']}, {row['K']} anchors, {row['estimator']}"


def summary(folder: Path) -> pd.DataFrame:
    """Return the means over seeds, best first within each split and K; also written: the pairs.

    Returns
    -------
    DataFrame
        split, K, estimator, the `MEASURES`, and difference, low, high: how much greater the mean
        error is than that of `OURS` (or of the best there), paired by model.
    """
    table, estimates = _kept(folder / TABLE), _kept(folder / ESTIMATES)
    estimates = estimates.drop_duplicates([*KEY, "model"], keep="last")
    mean = table.groupby(["split", "K", "estimator"], sort=False)[list(MEASURES)].mean()
    ranked = mean.reset_index().sort_values("mae", kind="stable")
    order = {name: place for place, name in enumerate(dict.fromkeys(table["split"]))}
    ranked = ranked.sort_values(["split", "K"], kind="stable", key=lambda c: c.replace(order))
    reference = OURS if OURS in set(ranked["estimator"]) else str(ranked["estimator"].iloc[0])
    others = [name for name in dict.fromkeys(ranked["estimator"]) if name != reference]
    pairs = [compare(estimates, name, reference).assign(estimator=name) for name in others]
    paired = pd.concat(pairs, ignore_index=True).assign(reference=reference)
    _write(paired, folder / PAIRED)
    return ranked.merge(paired, on=["split", "K", "estimator"], how="left")


def draw(folder: Path, matrix: ResponseMatrix, wanted: Plan) -> list[Path]:
    """Draw error against K, agreement, paired differences and the item map; return the files."""
    table, estimates, paired = (_kept(folder / name) for name in (TABLE, ESTIMATES, PAIRED))
    middle = sorted(wanted.n_anchors)[len(wanted.n_anchors) // 2]
    reference = str(paired["reference"].iloc[0])
    drawn: dict[str, figures.Exhibit] = {}
    for split, part in table.groupby("split", sort=False):
        lines = part[part["estimator"].isin(_lines(part, reference))]
        drawn[f"error-{split}"] = figures.anchor_error(lines, "full score", "models judged a draw")
        rows = estimates[estimates["split"] == split]
        drawn[f"agreement-{split}"] = figures.agreement(
            rows, reference, middle, "full score", "model"
        )
        pairs = paired[(paired["split"] == split) & (paired["K"] == middle)]
        drawn[f"paired-{split}"] = figures.paired_errors(pairs, reference)
    chooser = wanted.estimators.get(reference, ESTIMATORS[OURS])
    target = None if matrix.plain else matrix.target
    fitted = replace(chooser, n_anchors=middle).fit(matrix.scores, target)
    drawn["items"] = figures.item_map(item_map(matrix, fitted))
    files = [folder / f"{name}.svg" for name in drawn]
    for file, exhibit in zip(files, drawn.values(), strict=True):
        exhibit.save(file)
    return files


def _lines(table: pd.DataFrame, reference: str) -> list[str]:
    """Return the simple baselines, the reference and the best others, few enough to tell apart."""
    ranked = table.groupby("estimator")["mae"].mean().sort_values().index
    return list(dict.fromkeys([*ALWAYS, reference, *ranked]))[:_DRAWN]


def _same_models(estimates: pd.DataFrame, matrix: ResponseMatrix, folder: Path) -> None:
    if estimates.empty:
        return
    truth = dict(zip(matrix.models, matrix.target, strict=True))
    kept = estimates.drop_duplicates("model")
    differ = (kept["model"].map(truth).fillna(-1) - kept["truth"]).abs() > 1e-9
    refuse(bool(differ.any()), f"{folder} holds the study of another matrix; name a new folder")


def _kept(file: Path) -> pd.DataFrame:
    return pd.read_parquet(file) if file.is_file() else pd.DataFrame()


def _write(frame: pd.DataFrame, file: Path) -> None:
    with new_file(file) as scratch:
        frame.to_parquet(scratch, index=False)
