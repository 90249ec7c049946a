"""Draw how much a larger search brings back, of the lost answers and of the controls."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.figures.recovery import GROUP_STYLES, PROBE_LABELS
from illusion_lib.report.numerals import absent, share
from illusion_lib.report.style import INK, drawing, method_colour, new_figure

_TRIES = {"beam": "beams", "sample": "samples", "one_shot": "demonstrations"}


def budget_curves(table: pd.DataFrame) -> Exhibit:
    """Draw the share reached within each budget, one panel a probe, for one pruned cell.

    Parameters
    ----------
    table
        Result of `divergence.budget_curve` for one cell.
    """
    known = table[table["estimate"].notna()]
    panels_of = _panels(known)
    colour = method_colour(str(table["method"].iloc[0]))
    with drawing():
        figure = new_figure(7.2, 3.1)
        panels = figure.subplots(1, max(len(panels_of), 1), sharey=True, squeeze=False)[0]
        for axes, (title, rows) in zip(panels, panels_of.items(), strict=False):
            _panel(axes, rows, colour)
            axes.set_title(title, fontsize=9)
            axes.set_xlabel(_TRIES[rows["probe"].iloc[0]])
        panels[0].set(ylim=(-0.03, 1.03), ylabel="share brought back")
        figure.legend(handles=_handles(colour), loc="outside upper left", ncols=2, fontsize=8.5)
    label = str(table["label"].iloc[0])
    lost = known[known["group"] == "lost"]
    n = f"{int(lost['items'].max())} lost answers" if len(lost) else "0 lost answers"
    return Exhibit(figure, _finding(known, label), _alt(known, label), n)


def _panels(known: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each panel under its title: a probe, or sampling at one temperature."""
    panels: dict[str, pd.DataFrame] = {}
    for probe in _TRIES:
        rows = known[known["probe"] == probe]
        for heat, part in rows.groupby("temperature", dropna=False):
            warm = "" if absent(heat) else f", temperature {heat:g}"
            panels[PROBE_LABELS[probe] + warm] = part
    return panels


def _panel(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    budgets = sorted({int(b) for b in rows["budget"]})
    place = {budget: step for step, budget in enumerate(budgets)}
    for shift, (group, (marker, _)) in enumerate(GROUP_STYLES.items()):
        part = rows[rows["group"] == group].sort_values("budget")
        own, fill, weight = (colour, colour, 1.0) if group == "lost" else (INK, "none", 0.55)
        x = [place[int(b)] + (shift - 1.5) * 0.06 for b in part["budget"]]
        y = part["estimate"].astype(float)
        axes.plot(x, y, marker=marker, color=own, mfc=fill, alpha=weight, lw=1.3)
        axes.vlines(x, part["low"].astype(float), part["high"].astype(float), color=own,
                    alpha=0.6 * weight, lw=1.1)  # fmt: skip
    axes.set_xticks(range(len(budgets)), [str(b) for b in budgets])
    axes.set_xlim(-0.4, len(budgets) - 0.6)
    axes.grid(axis="y")


def _handles(colour: str) -> list[Line2D]:
    return [
        Line2D([], [], marker=marker, label=label, lw=1.3, color=own, mfc=fill, alpha=weight)
        for group, (marker, label) in GROUP_STYLES.items()
        for own, fill, weight in [(colour, colour, 1.0) if group == "lost" else (INK, "none", 0.7)]
    ]


def _finding(known: pd.DataFrame, label: str) -> str:
    parts = []
    for title, found in _panels(known).items():
        lost = _ends(found[found["group"] == "lost"])
        if lost is None:
            continue
        words = _TRIES[found["probe"].iloc[0]]
        control = _ends(found[found["group"] == "neither"])
        against = "" if control is None else f" (failed in both formats: {share(control[3])})"
        reached = f"{share(lost[3])}{against}"
        parts.append(
            f"{title} from {lost[0]} to {lost[2]} {words}: {share(lost[1])} to {reached}"
            if lost[0] != lost[2]
            else f"{title} ({lost[2]}): {reached}"
        )
    if not parts:
        return f"{label} lost no answer that it still picks: there is nothing to bring back."
    return f"Share of the answers lost at {label} that come back: {'; '.join(parts)}."


def _ends(rows: pd.DataFrame) -> tuple[int, float, int, float] | None:
    if rows.empty:
        return None
    ordered = rows.sort_values("budget")
    first, last = ordered.iloc[0], ordered.iloc[-1]
    return (
        int(first["budget"]),
        float(first["estimate"]),
        int(last["budget"]),
        float(last["estimate"]),
    )


def _alt(known: pd.DataFrame, label: str) -> str:
    steps: list[Any] = [
        f"{title}, {GROUP_STYLES[row['group']][1]}, {row['budget']} "
        f"{_TRIES[row['probe']]}: {share(row['estimate'])}"
        for title, rows in _panels(known).items()
        for _, row in rows.iterrows()
        if row["group"] in GROUP_STYLES
    ]
    return f"Recovery against the number of tries at {label}. " + "; ".join(steps) + "."
