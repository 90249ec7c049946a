"""Draw how far off an accuracy is that was estimated from a few questions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from illusion_lib.divergence.paired import MARGIN
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.numerals import percent, share
from illusion_lib.report.style import CHANCE, INK, drawing, method_colour, new_figure

_MARKERS = "osD^vPX"
_COLOURS = ("#767b85", "#d55e00", "#2a7fb8", "#009e73", "#cc79a7", "#b8860b", "#8c6bb1")


def anchor_error(
    table: pd.DataFrame,
    what: str = "open accuracy",
    judged: str = "model variants, each estimated from the others",
) -> Exhibit:
    """Draw the mean absolute error against the number of questions asked.

    Parameters
    ----------
    table
        `anchors.Study.table`.
    what
        What is estimated.
    judged
        Who is estimated, in words.
    """
    mean = table.groupby(["estimator", "K"], sort=False)["mae"].agg(["mean", "min", "max"])
    names = list(dict.fromkeys(table["estimator"]))
    with drawing():
        figure = new_figure(6.4, 3.2 + 0.2 * -(-len(names) // 3))
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
        figure.legend(fontsize=8.5, loc="outside upper left", ncols=3)
    draws = table["seed"].nunique()
    caption = (
        f"{_best(mean)} Lines are means over {draws} draws of the questions, bands their range; "
        f"the dotted line is the ±{MARGIN:.2f} that the verdict tolerates."
    )
    rows = mean["mean"].reset_index().itertuples(index=False, name=None)
    steps = "; ".join(f"{name}, {k} questions: {error:.3f}" for name, k, error in rows)
    n = f"{int(table['n_test'].max())} {judged}"
    return Exhibit(figure, caption, f"Line chart of estimation error. {steps}.", n)


def agreement(
    estimates: pd.DataFrame,
    estimator: str,
    k: int,
    what: str = "open accuracy",
    judged: str = "model variant",
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
    judged
        What a point is: one of those who are estimated.
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
        top = max(0.2, float(spread[["truth", "high"]].max().max())) + 0.05
        axes.set(xlim=(-0.03, top), ylim=(-0.03, top), aspect="equal")
        axes.set(xlabel=f"{what} on all questions", ylabel=f"estimate from {k} questions")
        axes.grid(color=INK)
    error = np.abs(rows["estimate"] - rows["truth"])
    caption = (
        f"{estimator[0].upper()}{estimator[1:]} with {k} questions misses the {what} by "
        f"{error.mean():.3f} on average and by {error.max():.3f} at worst. Each point is a "
        f"{judged}, its line the range over {rows['seed'].nunique()} draws of the questions."
    )
    alt = "Scatter plot of estimated against true accuracy. " + "; ".join(
        f"{name}: {share(row['truth'])} estimated {share(row['middle'])}"
        for name, row in spread.iterrows()
    )
    return Exhibit(figure, caption, alt + ".", f"{len(spread)} {judged}s")


def paired_errors(pairs: pd.DataFrame, name: str) -> Exhibit:
    """Draw how much greater every other estimator's error is, with paired intervals.

    Parameters
    ----------
    pairs
        Results of `anchors.compare` for one split and K, each estimator minus `name`: columns
        estimator, difference, low, high, n_models.
    name
        The estimator that the others are compared with.
    """
    rows = pairs.sort_values("difference", ignore_index=True)
    with drawing():
        figure = new_figure(6.2, 0.9 + 0.28 * len(rows))
        axes = figure.subplots()
        axes.axvline(0, **CHANCE)
        for place, row in enumerate(rows.to_dict("records")):
            axes.hlines(place, row["low"], row["high"], color=_COLOURS[2], lw=2)
            axes.plot([row["difference"]], [place], "D", color=_COLOURS[2], ms=5)
        axes.set_yticks(range(len(rows)), rows["estimator"])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(f"mean error more than {name}'s")
        axes.grid(axis="x")
    clear = int((rows["low"] > 0).sum())
    caption = (
        f"On the same models {name} errs less than {clear} of {len(rows)} other estimators with an "
        f"interval clear of zero, and more than {int((rows['high'] < 0).sum())} of them."
    )
    steps = "; ".join(
        f"{row['estimator']}: {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
        for _, row in rows.iterrows()
    )
    n = f"{int(rows['n_models'].max())} models"
    return Exhibit(figure, caption, f"Forest plot of paired differences in error. {steps}.", n)


def item_map(items: pd.DataFrame) -> Exhibit:
    """Draw difficulty against discrimination of all questions, the anchors marked.

    Parameters
    ----------
    items
        Result of `anchors.item_map`.
    """
    chosen, rest = items[items["anchor"]], items[~items["anchor"]]
    with drawing():
        figure = new_figure(5.6, 3.6)
        axes = figure.subplots()
        axes.plot(
            rest["difficulty"], rest["discrimination"], ".", color=_COLOURS[0], alpha=0.5,
            label="other questions",
        )  # fmt: skip
        axes.plot(
            chosen["difficulty"], chosen["discrimination"], "D", color=_COLOURS[1], ms=5,
            label="anchors",
        )  # fmt: skip
        axes.set(xlabel="difficulty: share of models that fail", xlim=(-0.03, 1.03))
        axes.set_ylabel("discrimination: correlation\nwith the other questions")
        axes.grid()
        axes.legend(fontsize=8.5)
    means = [part["discrimination"].mean() for part in (chosen, rest)]
    middle = chosen["difficulty"].between(0.2, 0.8).mean()
    caption = (
        f"Anchors discriminate {share(means[0])} on average, the others {share(means[1])}; "
        f"{percent(middle)} of the anchors are of middling difficulty (0.2 to 0.8)."
    )
    alt = (
        f"Scatter plot of {len(items)} questions. {caption} The anchors' difficulty reaches from "
        f"{share(chosen['difficulty'].min())} to {share(chosen['difficulty'].max())}."
    )
    return Exhibit(figure, caption, alt, f"{len(items)} questions, {len(chosen)} anchors")


def anchor_stability(frequency: pd.DataFrame, k: int) -> Exhibit:
    """Draw how often each question is chosen when a part of the models is left out.

    Parameters
    ----------
    frequency
        Result of `anchors.stability`.
    k
        Number of anchors.
    """
    shares = frequency["frequency"].sort_values(ascending=False).to_numpy()
    shown = shares[shares > 0]
    with drawing():
        figure = new_figure(5.6, 2.8)
        axes = figure.subplots()
        axes.fill_between(
            np.arange(len(shown)) + 1, shown, step="mid", color=_COLOURS[2], alpha=0.3
        )
        axes.step(np.arange(len(shown)) + 1, shown, where="mid", color=_COLOURS[2], lw=1.4)
        axes.axvline(k, **CHANCE)
        axes.set(xlabel="questions, most often chosen first", ylabel="share of draws")
        axes.set(ylim=(0, 1.03), xlim=(0.5, len(shown) + 0.5))
        axes.grid(axis="y")
    kept = float(shares[:k].mean())
    caption = (
        f"The {k} questions chosen most often are chosen in {percent(kept)} of the draws on "
        f"average; {int((shares >= 0.9).sum())} are chosen in nine draws of ten or more, and "
        f"{len(shown)} at least once. Questions that say the same stand in for each other, so an "
        "unstable choice is no sign of an unstable estimate."
    )
    most = share(shares[0])
    alt = f"Step chart of how often questions become anchors, falling from {most}. {caption}"
    return Exhibit(figure, caption, alt, f"{len(shares)} questions")


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
