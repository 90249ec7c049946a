"""Which estimator wins? Every estimator on the same splits, with paired intervals."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.matrix import FloatArray, ResponseMatrix, refuse
from illusion_lib.anchors.splits import Fold, SplitName, hub_families, split

TOP = 10
KEY = ("estimator", "split", "seed", "K")
"""What names a trial, in tables of results."""

Trial: TypeAlias = tuple[str, str, int, int]
"""The values of `KEY`."""


@dataclass(frozen=True)
class Study:
    """What a comparison found.

    Attributes
    ----------
    table
        One row per estimator, split, seed and K: mae, rmse (score units), tau_b, top10 (share of
        the truly best ten found), coverage and width of the interval, select_seconds,
        fit_seconds, n_train, n_test, notes.
    estimates
        One row per judged model: estimator, split, seed, K, model, truth, estimate, low, high.
    """

    table: pd.DataFrame
    estimates: pd.DataFrame

    @classmethod
    def of(cls, found: Iterable[tuple[dict[str, Any], pd.DataFrame]]) -> Study:
        """Gather what `trials` yields; at least one trial."""
        rows, parts = [], []
        for row, part in found:
            rows.append(row)
            parts.append(part)
        estimates = pd.concat(parts, ignore_index=True)
        rest = [column for column in estimates.columns if column not in KEY]
        return cls(pd.DataFrame(rows), estimates[[*KEY, *rest]])


def study(
    matrix: ResponseMatrix,
    estimators: Mapping[str, AnchorEstimator] | Sequence[AnchorEstimator],
    n_anchors: Sequence[int] = (20, 50, 100),
    splits: Sequence[SplitName] = ("random",),
    seeds: Iterable[int] = range(5),
    level: float | None = 0.9,
) -> Study:
    """Judge estimators on models they were not fitted on.

    Parameters
    ----------
    matrix
        The models' answers; `ResponseMatrix.target` is what is to be estimated.
    estimators
        By name, or a sequence that is named by its labels. Their own ``n_anchors`` and ``seed``
        are replaced by those of the study.
    n_anchors
        Numbers of anchors to try.
    splits
        Names of `split`; all estimators see the same ones.
    seeds
        Each draws new splits and seeds the estimators.
    level
        Of the intervals; None leaves them out (they refit the pipeline several times).

    Returns
    -------
    Study
    """
    named = (
        dict(estimators)
        if isinstance(estimators, Mapping)
        else {estimator.label: estimator for estimator in estimators}
    )
    refuse(len(named) != len(estimators), "two estimators share a label; pass a dict of names")
    return Study.of(trials(matrix, named, n_anchors, splits, seeds, level))


def trials(
    matrix: ResponseMatrix,
    estimators: Mapping[str, AnchorEstimator],
    n_anchors: Sequence[int] = (20, 50, 100),
    splits: Sequence[SplitName] = ("random",),
    seeds: Iterable[int] = range(5),
    level: float | None = 0.9,
    done: Collection[Trial] = (),
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Judge estimators one at a time, so that a long study can be watched, stopped and resumed.

    Parameters
    ----------
    matrix, estimators, n_anchors, splits, seeds, level
        As for `study`.
    done
        (estimator, split, seed, K) of the trials to leave out.

    Yields
    ------
    row, estimates
        One row of `Study.table` and its part of `Study.estimates`.
    """
    target = matrix.target
    families = matrix.families or hub_families(matrix.models)
    for split_name, seed in product(splits, seeds):
        folds = split(split_name, matrix.scores, seed, families, target)
        for k, (name, estimator) in product(n_anchors, estimators.items()):
            trial = name, str(split_name), seed, k
            if trial not in done:
                fresh = replace(estimator, n_anchors=k, seed=seed)
                judged, effort = judge(fresh, matrix, folds, level)
                key: dict[str, Any] = dict(zip(KEY, trial, strict=True))
                yield key | measures(judged) | effort, judged.assign(**key)


def judge(
    estimator: AnchorEstimator,
    matrix: ResponseMatrix,
    folds: Sequence[Fold],
    level: float | None = 0.9,
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Fit on every fold's training models and estimate its test models.

    Returns
    -------
    estimates
        One row per test model: model, truth, estimate, low, high.
    effort
        select_seconds and fit_seconds (means over folds), n_train, n_test, notes.
    """
    target = matrix.target
    parts, clock, notes = [], [], []
    for fold in folds:
        fresh = replace(estimator)
        times = [time.perf_counter()]
        fresh.start(matrix.scores[fold.train], None if matrix.plain else target[fold.train])
        fresh.choose()
        times.append(time.perf_counter())
        fresh.learn()
        times.append(time.perf_counter())
        clock.append(np.diff(times))
        notes += [note for note in fresh.notes_ if note not in notes]
        parts.append(_estimates(fresh, matrix, fold, level))
    seconds = np.mean(clock, axis=0)
    effort: dict[str, object] = {
        "select_seconds": float(seconds[0]),
        "fit_seconds": float(seconds[1]),
        "n_train": float(np.mean([len(fold.train) for fold in folds])),
        "n_test": sum(len(fold.test) for fold in folds),
        "notes": "; ".join(notes),
    }
    judged = np.concatenate([fold.test for fold in folds])
    estimate, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
    table = {"model": [matrix.models[m] for m in judged], "truth": target[judged]}
    return pd.DataFrame({**table, "estimate": estimate, "low": low, "high": high}), effort


def _estimates(
    fitted: AnchorEstimator, matrix: ResponseMatrix, fold: Fold, level: float | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return estimate, low and high of the fold's test models."""
    scores = matrix.scores[fold.test]
    low = high = np.full(len(fold.test), np.nan)
    if level is not None:
        low, high = fitted.assess_interval(scores, level)
    return fitted.assess(scores), low, high


def measures(judged: pd.DataFrame) -> dict[str, float]:
    """Return mae, rmse, tau_b, top10, coverage and width of a table of estimates.

    tau_b is NaN where the truth or the estimates do not differ; coverage and width where there is
    no interval.
    """
    truth, estimate = judged["truth"].to_numpy(), judged["estimate"].to_numpy()
    error = estimate - truth
    low, high = judged["low"].to_numpy(), judged["high"].to_numpy()
    bounded = not np.isnan(low).any()
    differ = np.ptp(truth) > 0 and np.ptp(estimate) > 0
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "tau_b": float(kendalltau(truth, estimate).statistic) if differ else np.nan,
        "top10": _top_overlap(truth, estimate),
        "coverage": float(((low <= truth) & (truth <= high)).mean()) if bounded else np.nan,
        "width": float((high - low).mean()) if bounded else np.nan,
    }


def _top_overlap(truth: FloatArray, estimate: FloatArray) -> float:
    top = min(TOP, max(1, len(truth) // 2))
    best = [set(np.argsort(-values, kind="stable")[:top].tolist()) for values in (truth, estimate)]
    return len(best[0] & best[1]) / top


def compare(
    estimates: pd.DataFrame, first: str, second: str, level: float = 0.9, draws: int = 2000
) -> pd.DataFrame:
    """Return paired intervals of the difference in absolute error between two estimators.

    Parameters
    ----------
    estimates
        `Study.estimates`.
    first, second
        Names of two estimators.
    level
        Of the percentile interval.
    draws
        Bootstrap draws of models (a model's rows over seeds stay together; seed 0).

    Returns
    -------
    DataFrame
        Per split and K: difference (mean |error| of first minus second), low, high, n_models.
    """
    rows = []
    keys = ["split", "K", "seed", "model"]
    error = (estimates["estimate"] - estimates["truth"]).abs()
    wide = estimates.assign(error=error).pivot_table(
        index=keys, columns="estimator", values="error"
    )
    for name in (first, second):
        refuse(name not in wide.columns, f"no estimator {name!r} in these estimates")
    gap = (wide[first] - wide[second]).dropna()
    for key, part in gap.groupby(level=["split", "K"]):
        split_name, k = key if isinstance(key, tuple) else (key, None)
        per_model = part.groupby(level="model").agg(["sum", "count"]).to_numpy(dtype=float)
        n = len(per_model)
        rng = np.random.default_rng(0)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=draws)  # (draws, n)
        sums = counts @ per_model  # (draws, 2)
        low, high = np.quantile(sums[:, 0] / sums[:, 1], [(1 - level) / 2, (1 + level) / 2])
        rows.append(
            {
                "split": split_name,
                "K": k,
                "difference": float(part.mean()),
                "low": float(low),
                "high": float(high),
                "n_models": n,
            }
        )
    return pd.DataFrame(rows)
