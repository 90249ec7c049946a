"""Draw how large the gap is in every cell, and how sure."""

from __future__ import annotations

from typing import Any

import pandas as pd

from illusion_lib.divergence.frames import ALL
from illusion_lib.divergence.gaps import HEADLINE
from illusion_lib.divergence.paired import MARGIN
from illusion_lib.pruning.registry import DENSE
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.numerals import absent, signed, with_interval
from illusion_lib.report.style import CHANCE, INK, drawing, method_colour, new_figure


def gap_forest(gaps: pd.DataFrame, measure: str = HEADLINE, language: str = ALL) -> Exhibit:
    """Draw one gap of every pruned cell with its 95 % interval.

    Parameters
    ----------
    gaps
        Result of `divergence.gaps` for one model.
    measure
        Which gap.
    language
        Over which questions.
    """
    chosen = (gaps["measure"] == measure) & (gaps["language"] == language)
    rows = gaps[chosen & (gaps["method"] != DENSE)].reset_index(drop=True)
    known = rows[rows["estimate"].notna()]
    with drawing():
        figure = new_figure(6.2, 0.9 + 0.3 * len(rows))
        axes = figure.subplots()
        axes.axvspan(-MARGIN, MARGIN, color=INK, alpha=0.08, lw=0)
        axes.axvline(0, **CHANCE)
        for place, (_, row) in enumerate(rows.iterrows()):
            if absent(row["estimate"]):
                axes.text(0, place, " not measurable", va="center", fontsize=8)
                continue
            colour = method_colour(row["method"])
            axes.hlines(place, float(row["low"]), float(row["high"]), color=colour, lw=2)
            axes.plot([float(row["estimate"])], [place], "D", color=colour, ms=6)
        axes.set_yticks(range(len(rows)), [_name(row) for _, row in rows.iterrows()])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel("share of its ability kept: multiple choice minus open answers")
        axes.grid(axis="x")
    return Exhibit(figure, _finding(known), _alt(rows), _n(rows))


def _name(row: Any) -> str:
    draw = f", draw {row['calibration_seed']}" if row["calibration_seed"] else ""
    return f"{row['label']}{draw}"


def _finding(known: pd.DataFrame) -> str:
    if known.empty:
        return "The gap cannot be measured in any cell."
    clear = known[known["low"].astype(float) > 0]
    widest = known.sort_values("estimate").iloc[-1]
    return (
        f"In {len(clear)} of {len(known)} prunings the interval lies above zero: multiple choice "
        f"keeps more than open answers do, even after the correction for guessing. The widest gap "
        f"is {with_interval(widest['estimate'], widest['low'], widest['high'], signed)} at "
        f"{widest['label']}. The grey band, ±{MARGIN:.2f}, is what would not matter."
    )


def _alt(rows: pd.DataFrame) -> str:
    steps = [
        f"{_name(row)}: {with_interval(row['estimate'], row['low'], row['high'], signed)}"
        if pd.notna(row["estimate"])
        else f"{_name(row)}: not measurable"
        for _, row in rows.iterrows()
    ]
    return "Forest plot of the gap with 95 % intervals. " + "; ".join(steps) + "."


def _n(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "0 questions"
    return (
        f"{int(rows['items'].max())} questions about {int(rows['clusters'].max())} facts a pruning"
    )
