"""Draw how far off an accuracy is that was estimated from a few questions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from illusion_lib.divergence.paired import MARGIN
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.style import CHANCE, INK, drawing, method_colour, new_figure

_MARKERS = "osD^vPX"
_COLOURS = ("#767b85", "#d55e00", "#2a7fb8", "#009e73", "#cc79a7", "#b8860b", "#8c6bb1")


def anchor_error(table: pd.DataFrame, what: str = "open accuracy") -> Exhibit:
    """Draw the mean absolute error against the number of questions asked.

    Parameters
    ----------
    table
        `anchors.Study.table`.
    what
        What is estimated.
    """
    mean = table.groupby(["estimator", "K"], sort=False)["mae"].agg(["mean", "min", "max"])
    names = list(dict.fromkeys(table["estimator"]))
    with drawing():
        figure = new_figure(6.4, 3.2)
        axes = figure.subplots()
        for place, name in enumerate(names):
            rows = mean.loc[name].sort_index()
            colour = _COLOURS[place % len(_COLOURS)]
            axes.plot(
                rows.index, rows["mean"], color=colour, marker=_MARKERS[place % len(_MARKERS)],
                label=name,
            )  # fmt: skip
            axes.fill_between(rows.index, rows["min"], rows["max"], color=colour, alpha=0.12, lw=0)
        axes.axhline(MARGIN, **CHANCE)
        axes.set(xlabel="questions asked", ylabel=f"mean error of the {what}", ylim=(0, None))
        axes.set_xticks(sorted(table["K"].unique()))
        axes.grid(axis="y")
        axes.legend(fontsize=8.5)
    draws = table["seed"].nunique()
    caption = (
        f"{_best(mean)} Lines are means over {draws} draws of the questions, bands their range; "
        f"the dotted line is the ±{MARGIN:.2f} that the verdict tolerates."
    )
    rows = mean["mean"].reset_index().itertuples(index=False, name=None)
    steps = "; ".join(f"{name}, {k} questions: {error:.3f}" for name, k, error in rows)
    n = f"{int(table['n_test'].max())} model variants, each estimated from the others"
    return Exhibit(figure, caption, f"Line chart of estimation error. {steps}.", n)


def agreement(
    estimates: pd.DataFrame, estimator: str, k: int, what: str = "open accuracy"
) -> Exhibit:
    """Draw estimated against true accuracy of every held-out variant.

    Parameters
    ----------
    estimates
        `anchors.Study.estimates`.
    estimator, k
        Which estimator and number of questions.
    what
        What is estimated.
    """
    rows = estimates[(estimates["estimator"] == estimator) & (estimates["K"] == k)]
    spread = rows.groupby("model", sort=False).agg(
        truth=("truth", "first"), middle=("estimate", "mean"), low=("estimate", "min"),
        high=("estimate", "max"),
    )  # fmt: skip
    with drawing():
        figure = new_figure(4.6, 4.2)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], **CHANCE)
        for name, row in spread.iterrows():
            colour = method_colour(str(name).rsplit("/", 1)[-1].split("-")[0])
            axes.vlines(row["truth"], row["low"], row["high"], color=colour, lw=1.4, alpha=0.7)
            axes.plot([row["truth"]], [row["middle"]], "o", color=colour)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        axes.set(xlabel=f"{what} on all questions", ylabel=f"estimate from {k} questions")
        axes.grid(color=INK)
    error = np.abs(rows["estimate"] - rows["truth"])
    caption = (
        f"{estimator} with {k} questions misses the {what} by {error.mean():.3f} on average and by "
        f"{error.max():.3f} at worst. Each point is a model variant, its line the range over "
        f"{rows['seed'].nunique()} draws of the questions."
    )
    alt = "Scatter plot of estimated against true accuracy. " + "; ".join(
        f"{name}: {row['truth']:.2f} estimated {row['middle']:.2f}"
        for name, row in spread.iterrows()
    )
    return Exhibit(figure, caption, alt + ".", f"{len(spread)} model variants")


def _best(mean: pd.DataFrame) -> str:
    """Return a sentence on the estimator with the smallest error at the smallest K."""
    k = mean.index.get_level_values("K").min()
    errors = mean.xs(k, level="K")["mean"].sort_values()
    best, other = errors.index[0], errors.index[-1]
    if best == other:
        return f"With {k} questions {best} is off by {errors.iloc[0]:.3f} on average."
    return (
        f"With {k} questions {best} is off by {errors.iloc[0]:.3f} on average, {other} by "
        f"{errors.iloc[-1]:.3f}."
    )
