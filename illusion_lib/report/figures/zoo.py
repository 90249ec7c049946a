"""Draw the zoo: what its variants pick and say, and what it costs to know what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from illusion_lib.anchors.generated import BY_OTHERS, RANDOM
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.figures.accuracy import method_label
from illusion_lib.report.numerals import percent, share
from illusion_lib.report.style import CHANCE, OUTCOME_COLOURS, drawing, method_colour, new_figure

_LOOKS = (
    (OUTCOME_COLOURS["neither"], "o", "--"),
    ("#cc79a7", "^", ":"),
    (OUTCOME_COLOURS["both"], "s", "-"),
    ("#009e73", "D", "-."),
)


def token_saving(table: pd.DataFrame, level: float, variants: int, items: int) -> Exhibit:
    """Draw the interval's width against the tokens generated, a line per way.

    Parameters
    ----------
    table
        Result of `anchors.generated.saving`.
    level
        Nominal coverage of the intervals.
    variants, items
        How many were estimated, and over how many items each.
    """
    with drawing():
        figure = new_figure(6.2, 3.4)
        axes = figure.subplots()
        for (way, rows), (colour, mark, line) in zip(
            table.groupby("way", sort=False), _LOOKS, strict=False
        ):
            rows = rows.sort_values("tokens")
            axes.plot(
                rows["tokens"], rows["width"], color=colour, marker=mark, ls=line, label=str(way)
            )
            for row in rows.to_dict("records") if way in (RANDOM, BY_OTHERS) else ():
                axes.annotate(
                    f"{row['n']:.0f}", (row["tokens"], row["width"]), textcoords="offset points",
                    xytext=(4, 4), fontsize=7.5, color=colour,
                )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="tokens generated for a variant")
        axes.set_ylabel(f"width of the {percent(level)} interval\nof what it says")
        axes.set_xticks(*_ticks(table["tokens"]))
        axes.set_yticks(*_ticks(table["width"]))
        axes.minorticks_off()
        axes.grid()
        axes.legend(fontsize=8.5)
    few = table[(table["way"] != RANDOM) & table["saving"].notna()]
    finding = "Random items never reach an interval as narrow."
    if len(few):
        first = few[few["n"] == few["n"].min()].sort_values("saving", ascending=False)
        told = "; ".join(
            f"{row['saving']:.1f} times with the {row['way']} ({percent(row['coverage'])} of its "
            "intervals hold the truth)"
            for row in first.to_dict("records")
        )
        finding = (
            f"With {first['n'].iloc[0]:.0f} items generated where multiple choice leaves the "
            "answer open, the interval is as narrow as random items make it with several times "
            f"the tokens: {told}."
        )
    caption = f"{finding} Small numbers are items generated, of {items}; both axes logarithmic."
    alt = "Line chart of interval width over generated tokens. " + "; ".join(
        f"{row['way']}, {row['n']:.0f} items: {row['width']:.3f} for {row['tokens']:.0f} tokens"
        for row in table.to_dict("records")
    )
    return Exhibit(figure, caption, alt + ".", f"{variants} variants of the zoo", stored=False)


def _ticks(values: pd.Series[float]) -> tuple[list[float], list[str]]:
    """Return round numbers, 1, 2, 5 times a power of ten that span the values, as text too."""
    low, high = float(values.min()), float(values.max())
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    round_numbers = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    shown = [number for number in round_numbers if low / 1.6 <= number <= high * 1.6]
    return shown, [f"{number:g}" for number in shown]


def variant_plane(rows: pd.DataFrame) -> Exhibit:
    """Draw what every variant of the zoo picks against what it says.

    Parameters
    ----------
    rows
        `anchors.zoo.Zoo.rows`.
    """
    means = rows.groupby(["method", "variant"], sort=False)[["picked", "said"]].mean()
    marks = dict(zip(means.index.unique("method"), "*osD^vPXd<>", strict=False))
    with drawing():
        figure = new_figure(7.0, 4.2)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], **CHANCE)
        for method, part in means.groupby("method", sort=False):
            axes.plot(
                part["said"], part["picked"], marks[method], color=method_colour(str(method)),
                label=method_label(str(method)), ls="", alpha=0.8,
            )  # fmt: skip
        axes.set(xlabel="says it (open answer)", ylabel="picks it (multiple choice)")
        axes.set(xlim=(-0.02, max(0.5, means["said"].max() + 0.05)), ylim=(0, 1.02))
        axes.grid()
        figure.legend(fontsize=8.5, loc="outside right upper")
    dense = means.xs("dense", level="method").iloc[0]
    halved = means[means["said"] <= dense["said"] / 2]
    caption = (
        f"{len(halved)} of {len(means) - 1} variants say at most half of what the dense model says "
        f"({share(dense['said'])}); they still pick {share(halved['picked'].mean())} on average, "
        f"the dense model {share(dense['picked'])}. The dotted line is where a model says all it "
        "picks."
    )
    alt = (
        "Scatter plot of the share picked over the share said, a point a variant, from "
        f"{share(means['said'].min())} to {share(means['said'].max())} said and "
        f"{share(means['picked'].min())} to {share(means['picked'].max())} picked. {caption}"
    )
    return Exhibit(figure, caption, alt, f"{len(means)} variants", stored=False)
