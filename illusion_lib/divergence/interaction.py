"""The illusion as the interaction of format and pruning, cell by cell and over all sparsities.

These models see raw answers: guessing is not taken out of the picks, so read them beside the
corrected gaps of `gaps`, above all where a model has nearly collapsed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from illusion_lib.divergence.bootstrap import Floats
from illusion_lib.divergence.frames import (
    ALL,
    DENSE,
    FRONT_TYPES,
    ITEM,
    cells,
    flags,
    languages,
    table,
)
from illusion_lib.divergence.paired import with_holm
from illusion_lib.divergence.regression import (
    Estimator,
    Fit,
    contrast,
    fit_logistic,
    marginal_effect,
    probability,
)

STEP = 0.1  # sparsity is counted in steps of ten points

_NUMBERS = (
    "odds_ratio",
    "odds_low",
    "odds_high",
    "p_value",
    "p_holm",
    "effect",
    "effect_low",
    "effect_high",
)
_RESULT_TYPES = {
    **dict.fromkeys(_NUMBERS, "Float64"),
    **dict.fromkeys(("answers", "clusters"), "Int64"),
    "reason": "string",
}


def interactions(paired: pd.DataFrame, estimator: Estimator = "gee") -> pd.DataFrame:
    """Return the interaction of format and pruning for every pruned cell and language.

    Model per cell: correct ~ choice x pruned, parallel ids as clusters.

    Parameters
    ----------
    paired
        Result of `pairs`.
    estimator
        ``gee`` (population averaged) or ``mixed`` (random intercept per parallel id; about a
        second a cell).

    Returns
    -------
    DataFrame
        Columns: the front columns, ``language`` ("all" and each; ``mixed`` "all" only, as four
        answers an item say little of its intercept), ``estimator``; ``odds_ratio``
        of the interaction (above 1: picks survive better than open answers) with ``odds_low``,
        ``odds_high`` (95 %), ``p_value``, ``p_holm`` (over the cells of a model; single
        languages: over cells and languages);
        ``effect``, the average marginal effect: the difference in differences of the
        probabilities, with ``effect_low``, ``effect_high``; ``answers``, ``clusters``,
        ``reason`` (why numbers are missing).
    """
    rows = [
        {**front, "language": language, "estimator": estimator, **_cell_row(part, estimator)}
        for front, cell in cells(paired)
        for language, part in languages(cell)
        if estimator == "gee" or language == ALL
    ]
    types = {"language": "str", "estimator": "str"}
    return with_holm(table(rows, {**FRONT_TYPES, **types, **_RESULT_TYPES}), ["model"])


def _cell_row(part: pd.DataFrame, estimator: Estimator) -> dict[str, Any]:
    n = len(part)
    choice = np.repeat([1.0, 0.0, 1.0, 0.0], n)
    pruned = np.repeat([0.0, 0.0, 1.0, 1.0], n)
    design = np.column_stack([np.ones(4 * n), choice, pruned, choice * pruned])
    names = ("recognises_dense", "produces_dense", "recognises", "produces")
    correct = np.concatenate([flags(part[name]) for name in names])
    clusters = np.tile(part["parallel_id"].to_numpy(), 4)
    row: dict[str, Any] = {"answers": 4 * n, "clusters": part["parallel_id"].nunique()}
    for name, hits in zip(names, np.split(correct, 4), strict=True):
        if hits.min() == hits.max():
            share = "all right" if hits[0] else "all wrong"
            return row | {"reason": f"separation: {name.replace('_', ' ')} is {share}"}
    fit = fit_logistic(correct, design, clusters, estimator)
    if fit.reason:
        return row | {"reason": fit.reason}

    def effect(beta: Floats) -> Floats:
        corners = [_mean_at(fit, m, s, beta) for m in (0.0, 1.0) for s in (0.0, 1.0)]
        return np.asarray((corners[3] - corners[2]) - (corners[1] - corners[0]))

    return row | _result(fit, (0, 0, 0, 1), effect)


def _mean_at(fit: Fit, choice: float, pruned: float, beta: Floats) -> float:
    design = np.tile([1.0, choice, pruned, choice * pruned], (fit.offsets.size, 1))
    return float(probability(fit, design, beta).mean())


def _result(fit: Fit, weights: Any, effect: Any) -> dict[str, Any]:
    value, low, high, p_value = contrast(fit, weights)
    middle, effect_low, effect_high, _ = marginal_effect(fit, effect)
    return {
        "odds_ratio": float(np.exp(value)),
        "odds_low": float(np.exp(low)),
        "odds_high": float(np.exp(high)),
        "p_value": p_value,
        "effect": middle,
        "effect_low": effect_low,
        "effect_high": effect_high,
    }


def sparsity_models(paired: pd.DataFrame, estimator: Estimator = "gee") -> pd.DataFrame:
    """Return how the interaction grows per ten points of sparsity, by method and language.

    Model: correct ~ choice x sparsity x method x language, the dense model at sparsity zero for
    every method (so methods differ in slopes only), languages coded to sum to zero. Log-odds are
    taken as linear in sparsity.

    Parameters
    ----------
    paired
        Result of `pairs`.
    estimator
        ``gee`` or ``mixed``.

    Returns
    -------
    DataFrame
        Per model one row for each method (``language`` "all": the average over languages) and one
        for each method and language. Columns: ``model``, ``method``, ``language``,
        ``estimator``, then as in `interactions`; ``odds_ratio`` and ``effect`` are per ten points
        of sparsity, the effect averaged over the observed rows of the method.
    """
    rows: list[dict[str, Any]] = []
    for model, part in paired[paired["sparsity"].notna()].groupby("model", sort=False):
        long = _long(part)
        methods, spoken = sorted(part["method"].unique()), sorted(part["language"].unique())
        design = _Design(tuple(methods), tuple(spoken))
        x = design.matrix(long)
        fit = fit_logistic(long["correct"], x, long["parallel_id"], estimator)
        for method, language, weights in design.interactions():
            row = {"model": model, "method": method, "language": language, "estimator": estimator}
            row |= {"answers": len(long), "clusters": long["parallel_id"].nunique()}
            if fit.reason:
                rows.append(row | {"reason": fit.reason})
                continue
            mine = (long["method"] == method).to_numpy()
            if language != ALL:
                mine = mine & (long["language"] == language).to_numpy()
            rows.append(row | _result(fit, weights, design.effect(fit, long, mine)))
    types = dict.fromkeys(("model", "method", "language", "estimator"), "str")
    return with_holm(table(rows, {**types, **_RESULT_TYPES}), ["model"])


def _long(part: pd.DataFrame) -> pd.DataFrame:
    """Return one row per answer: correct, choice, sparsity, method, language, parallel_id."""
    keep = [*ITEM, "parallel_id", "method", "sparsity"]
    dense = part.drop_duplicates(list(ITEM)).assign(method=DENSE, sparsity=0.0)
    pieces = [
        frame[keep].assign(correct=flags(frame[column]), choice=choice)
        for frame, end in ((dense, "_dense"), (part, ""))
        for column, choice in ((f"recognises{end}", 1.0), (f"produces{end}", 0.0))
    ]
    long = pd.concat(pieces, ignore_index=True)
    return long.assign(sparsity=long["sparsity"].astype(float))


class _Design:
    """Columns of the sparsity model: (1, choice) x (1, sparsity by method) x (1, languages)."""

    def __init__(self, methods: tuple[str, ...], spoken: tuple[str, ...]) -> None:
        self.methods = methods
        self.languages = spoken

    def matrix(self, long: pd.DataFrame, choice: float | None = None, shift: float = 0.0) -> Floats:
        """Return the design (rows, k); `choice` overrides the format, `shift` moves sparsity."""
        picked = long["choice"].to_numpy() if choice is None else np.full(len(long), choice)
        s = long["sparsity"].to_numpy() / STEP
        method = long["method"].to_numpy()
        damage = [np.where(method == name, s + shift, 0.0) for name in self.methods]
        base = np.column_stack([np.ones(len(long)), *damage])  # (rows, 1 + methods)
        formats = np.hstack([base, base * picked[:, None]])
        codes = self._codes(long["language"].to_numpy())  # (rows, languages)
        return np.hstack([formats * code[:, None] for code in codes.T])

    def _codes(self, language: Any) -> Floats:
        """Return 1 and the sum-to-zero codes of the languages but the last."""
        last = language == self.languages[-1]
        codes = [(language == name).astype(float) - last for name in self.languages[:-1]]
        return np.column_stack([np.ones(len(language)), *codes])

    def interactions(self) -> list[tuple[str, str, Floats]]:
        """Return method, language and the weights of that slope of the interaction."""
        width = 2 * (1 + len(self.methods))
        found = []
        for place, method in enumerate(self.methods):
            at = 2 + len(self.methods) + place  # the column choice x sparsity of this method
            for language in (ALL, *self.languages):
                code = np.zeros(len(self.languages))
                code[0] = 1.0
                if language != ALL:
                    code[:] = self._codes(np.array([language]))[0]
                weights = np.zeros(width * len(self.languages))
                weights[at::width] = code
                found.append((method, language, weights))
        return found

    def effect(self, fit: Fit, long: pd.DataFrame, mine: Any) -> Any:
        """Return the average change of P(pick) - P(open answer) over ten points of sparsity."""
        rows = long[mine]
        own = Fit(fit.beta, fit.covariance, fit.offsets[mine], fit.freedom)
        corners = {
            (choice, shift): self.matrix(rows, choice, shift)
            for choice in (0.0, 1.0)
            for shift in (-0.5, 0.5)
        }

        def average(beta: Floats) -> Floats:
            p = {key: probability(own, x, beta).mean() for key, x in corners.items()}
            picks, says = p[1.0, 0.5] - p[1.0, -0.5], p[0.0, 0.5] - p[0.0, -0.5]
            return np.asarray(picks - says)

        return average
