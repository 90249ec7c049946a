"""Draw how large the gap is in every cell, and how sure."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from illusion_lib.divergence.frames import ALL
from illusion_lib.divergence.gaps import HEADLINE
from illusion_lib.divergence.paired import MARGIN
from illusion_lib.pruning.registry import DENSE
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.numerals import absent, signed, with_interval
from illusion_lib.report.style import CHANCE, INK, drawing, method_colour, new_figure

_ACROSS = 3  # panels beside each other


def gap_forest(gaps: pd.DataFrame, measure: str = HEADLINE) -> Exhibit:
    """Draw one gap of every pruned cell, over all languages, with its 95 % interval.

    Parameters
    ----------
    gaps
        Result of `divergence.gaps` for one model.
    measure
        Which gap.
    """
    rows = _chosen(gaps, measure, ALL)
    with drawing():
        figure = new_figure(6.2, 0.9 + 0.3 * len(rows))
        axes = figure.subplots()
        _draw(axes, rows)
        axes.set_xlabel("share of its ability kept: multiple choice minus open answers")
    known = rows[rows["estimate"].notna()]
    return Exhibit(figure, _finding(known), _alt(rows), _n(rows))


def gap_by_language(gaps: pd.DataFrame, measure: str = HEADLINE) -> Exhibit:
    """Draw one gap of every pruned cell in every language, one panel a language.

    Parameters
    ----------
    gaps
        Result of `divergence.gaps` for one model.
    measure
        Which gap.
    """
    spoken = sorted(set(gaps["language"]) - {ALL})
    parts = {language: _chosen(gaps, measure, language) for language in spoken}
    columns = min(len(spoken), _ACROSS)
    down = -(-len(spoken) // columns)
    tallest = max(len(part) for part in parts.values())
    with drawing():
        figure = new_figure(7.2, down * (0.8 + 0.28 * tallest))
        grid = figure.subplots(down, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (language, part) in zip(grid.flat, parts.items(), strict=False):
            _draw(axes, part)
            axes.set_title(language)
        for axes in grid.flat[len(spoken) :]:
            axes.set_visible(False)
        figure.supxlabel("share kept: multiple choice minus open answers", fontsize=9)
    rows = pd.concat(parts.values(), ignore_index=True)
    return Exhibit(figure, _by_language(parts), _alt(rows, by_language=True), _n(rows))


def _chosen(gaps: pd.DataFrame, measure: str, language: str) -> pd.DataFrame:
    chosen = (gaps["measure"] == measure) & (gaps["language"] == language)
    return gaps[chosen & (gaps["method"] != DENSE)].reset_index(drop=True)


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axvspan(-MARGIN, MARGIN, color=INK, alpha=0.08, lw=0)
    axes.axvline(0, **CHANCE)
    for place, (_, row) in enumerate(rows.iterrows()):
        if absent(row["estimate"]) or absent(row["low"]):
            axes.text(0, place, " not measurable", va="center", fontsize=8)
            continue
        colour = method_colour(row["method"])
        axes.hlines(place, float(row["low"]), float(row["high"]), color=colour, lw=2)
        axes.plot([float(row["estimate"])], [place], "D", color=colour, ms=6)
    axes.set_yticks(range(len(rows)), [_name(row) for _, row in rows.iterrows()])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x")


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


def _by_language(parts: dict[str, pd.DataFrame]) -> str:
    clauses = []
    for language, rows in parts.items():
        known = rows[rows["low"].notna()]
        clear = int((known["low"].astype(float) > 0).sum())
        clauses.append(f"{language}: {clear} of {len(rows)} prunings")
    return (
        "Where the interval lies above zero, language by language: "
        f"{'; '.join(clauses)}. A language that the dense model hardly speaks shows nothing."
    )


def _alt(rows: pd.DataFrame, by_language: bool = False) -> str:
    steps = [
        f"{row['language'] + ', ' if by_language else ''}{_name(row)}: "
        f"{with_interval(row['estimate'], row['low'], row['high'], signed)}"
        if pd.notna(row["estimate"])
        else f"{row['language'] + ', ' if by_language else ''}{_name(row)}: not measurable"
        for _, row in rows.iterrows()
    ]
    return "Forest plot of the gap with 95 % intervals. " + "; ".join(steps) + "."


def _n(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "0 questions"
    return (
        f"{int(rows['items'].max())} questions about {int(rows['clusters'].max())} facts a pruning"
    )
