"""The illusion as the interaction of format and pruning, cell by cell and over all sparsities.

These models see raw answers: guessing is not taken out of the picks, so read them beside the
corrected gaps of `gaps`, above all where a model has nearly collapsed.

Where some answers are all right or all wrong, log-odds have no finite estimate. Then two made-up
facts join, one right in every answer and one wrong in every answer, as for a 2 x 2 table with an
empty cell (Haldane 1956; Agresti & Coull 1998 for the whole-number form), and ``note`` says so.
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

_NO_WIDTH = 1e-6
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
    "note": "string",
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
        ``note`` (whether made-up facts were added), ``reason`` (why numbers are missing).
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
    names = ("recognises_dense", "produces_dense", "recognises", "produces")
    answers = np.column_stack([flags(part[name]) for name in names])  # (items, 4)
    clusters = part["parallel_id"].to_numpy(dtype=object)
    row: dict[str, Any] = {"answers": answers.size, "clusters": len(set(clusters))}
    constant = [n for n, hits in zip(names, answers.T, strict=True) if hits.min() == hits.max()]
    if len(constant) == len(names):
        return row | {"reason": "every answer is the same in every format"}
    if constant:
        row["note"] = _padding_note([name.replace("_", " ") for name in constant])
        answers = np.vstack([answers, np.ones(4), np.zeros(4)])
        clusters = np.append(clusters, list(_MADE_UP))
    n = len(answers)
    choice = np.repeat([1.0, 0.0, 1.0, 0.0], n)
    pruned = np.repeat([0.0, 0.0, 1.0, 1.0], n)
    design = np.column_stack([np.ones(4 * n), choice, pruned, choice * pruned])
    fit = fit_logistic(answers.T.ravel(), design, np.tile(clusters, 4), estimator)
    if fit.reason:
        return row | {"reason": fit.reason}

    def effect(beta: Floats) -> Floats:
        corners = [_mean_at(fit, m, s, beta) for m in (0.0, 1.0) for s in (0.0, 1.0)]
        return np.asarray((corners[3] - corners[2]) - (corners[1] - corners[0]))

    return row | _result(fit, (0, 0, 0, 1), effect)


_MADE_UP = ("\0 made up, right", "\0 made up, wrong")


def _padding_note(where: list[str]) -> str:
    return f"two made-up facts added: {', '.join(where)} all right or all wrong"


def _mean_at(fit: Fit, choice: float, pruned: float, beta: Floats) -> float:
    design = np.tile([1.0, choice, pruned, choice * pruned], (fit.offsets.size, 1))
    return float(probability(fit, design, beta).mean())


def _result(fit: Fit, weights: Any, effect: Any) -> dict[str, Any]:
    value, low, high, p_value = contrast(fit, weights)
    if high - low < _NO_WIDTH:
        return {"reason": "no answer changed in one format only: nothing to estimate from"}
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
    taken as linear in sparsity, which a format that has reached its floor is not: read the cells.

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
        separated = _separated(part)
        long = _padded(_long(part), separated)
        methods, spoken = sorted(part["method"].unique()), sorted(part["language"].unique())
        design = _Design(tuple(methods), tuple(spoken))
        x = design.matrix(long)
        fit = fit_logistic(long["correct"], x, long["parallel_id"], estimator)
        for method, language, weights in design.interactions():
            row = {"model": model, "method": method, "language": language, "estimator": estimator}
            row |= {"answers": len(long), "clusters": long["parallel_id"].nunique()}
            if separated:
                row["note"] = _padding_note(separated)
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


def _separated(part: pd.DataFrame) -> list[str]:
    """Return where a method leaves a format all right or all wrong at every sparsity."""
    return [
        f"{method} {word} in {language}"
        for (language, method), own in part.groupby(["language", "method"])
        for column, word in (("produces", "says"), ("recognises", "picks"))
        if own[column].nunique() == 1
    ]


def _padded(long: pd.DataFrame, separated: list[str]) -> pd.DataFrame:
    """Return the answers with the made-up facts of every language, where there is need of them."""
    if not separated:
        return long
    asked = long.drop_duplicates(["language", "method", "sparsity", "choice"])
    extra = [
        asked.assign(correct=right, parallel_id=name, item_id=name)
        for right, name in zip((1.0, 0.0), _MADE_UP, strict=True)
    ]
    return pd.concat([long, *extra], ignore_index=True)


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
