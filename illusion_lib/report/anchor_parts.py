"""The figures, tables and cautions of the anchors page."""

from __future__ import annotations

from dataclasses import replace

from illusion_lib.anchors import (
    ForwardRidge,
    ResponseMatrix,
    Study,
    item_map,
    stability,
)
from illusion_lib.report import figures
from illusion_lib.report.cheap_test import FEWEST_VARIANTS
from illusion_lib.report.exhibit import Exhibit, Html
from illusion_lib.report.numerals import count, share
from illusion_lib.report.parts import note
from illusion_lib.report.tables import table


def honesty(matrix: ResponseMatrix) -> Html:
    """Return what a reader must know before believing any number about anchors here."""
    variants, questions = matrix.shape
    models = len(set(matrix.families or ()))
    word = "model" if models == 1 else "models"
    return note(
        f"This study has {variants} variants of {models} {word} and {questions} questions. "
        "Variants of one model fail on much the same questions, which makes the estimation look "
        "easier than it would be for an unrelated model; and so few variants teach little. Take "
        "the numbers as a demonstration of the method, not as a promise for your model."
    )


def error_figure(found: Study | None, what: str) -> Exhibit | Html:
    """Return the error against the number of questions, or a note where there is too little."""
    return _too_few_variants() if found is None else figures.anchor_error(found.table, what)


def agreement_figure(found: Study | None, estimator: str, what: str) -> Exhibit | Html:
    """Return estimated against true accuracy at a middle number of questions."""
    if found is None:
        return _too_few_variants()
    sizes = sorted(found.table["K"].unique())
    return figures.agreement(found.estimates, estimator, int(sizes[len(sizes) // 2]), what)


def error_table(found: Study | None) -> Html:
    """Return the mean error and the rank correlation of every estimator and size."""
    if found is None:
        return _too_few_variants()
    mean = found.table.groupby(["K", "estimator"], sort=False)[["mae", "rmse", "tau_b"]].mean()
    shown = mean.reset_index()
    names = {"K": "questions", "mae": "mean error", "rmse": "root mean square error"}
    names |= {"tau_b": "rank agreement (Kendall)"}
    formats = {"K": count, "mae": _thousandths, "rmse": _thousandths, "tau_b": share}
    draws = found.table["seed"].nunique()
    caption = f"Errors of estimates for variants that were left out, mean over {draws} draws."
    return table(shown, caption, formats, names)


def item_map_figure(matrix: ResponseMatrix) -> Exhibit:
    """Return difficulty against discrimination of every question, the chosen ones marked."""
    fitted = ForwardRidge(_usual_number(matrix)).fit(matrix.scores, matrix.target)
    return replace(figures.item_map(item_map(matrix, fitted)), stored=False)  # not this run's


def stability_figure(matrix: ResponseMatrix) -> Exhibit:
    """Return how often each question is chosen when a fifth of the variants is left out."""
    k = _usual_number(matrix)
    return replace(figures.anchor_stability(stability(matrix, ForwardRidge(k)), k), stored=False)


def _usual_number(matrix: ResponseMatrix) -> int:
    """Return 20 anchors, or a quarter of the questions where there are few."""
    return max(1, min(20, len(matrix.items) // 4))


def _thousandths(value: float) -> str:
    return f"{value:.3f}"


def _too_few_variants() -> Html:
    return note(
        f"This study has fewer than {FEWEST_VARIANTS} variants: too few to learn from. Run more "
        "models or prunings to see anchors at work."
    )
