"""Draw what became of each question from the dense to the pruned model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from illusion_lib.divergence.frames import ALL
from illusion_lib.divergence.outcomes import BOTH, LOST, OUTCOMES
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.numerals import percent
from illusion_lib.report.style import INK, OUTCOME_COLOURS, drawing, new_figure

OUTCOME_LABELS = {
    "both": "picks it and says it",
    "recognition_only": "picks it, cannot say it",
    "production_only": "says it, does not pick it",
    "neither": "neither",
}
_WIDTH, _SPACE = 0.06, 0.02


def flow(transitions: pd.DataFrame, language: str = ALL) -> Exhibit:
    """Draw the 4 x 4 transitions of one pruned cell as bands from dense to pruned.

    Parameters
    ----------
    transitions
        Result of `divergence.transitions` for one cell.
    language
        Which of its languages.
    """
    rows = transitions[transitions["language"] == language]
    table = rows.pivot_table(index="outcome_dense", columns="outcome", values="items", sort=False)
    counts = table.reindex(index=OUTCOMES, columns=OUTCOMES).fillna(0).astype(int)
    label = str(rows["label"].iloc[0])
    with drawing():
        figure = new_figure(7.2, 3.6)
        axes = figure.subplots()
        _draw(axes, counts)
        axes.set_axis_off()
        axes.set(xlim=(-0.62, 1.62), ylim=(-1.12, 0.1))
        axes.text(_WIDTH / 2, 0.03, "dense", ha="center", weight="bold")
        axes.text(1 - _WIDTH / 2, 0.03, label, ha="center", weight="bold")
    total = int(counts.to_numpy().sum())
    return Exhibit(figure, _finding(rows, counts, label), _alt(counts, label), f"{total} questions")


def _draw(axes: Axes, counts: pd.DataFrame) -> None:
    items = counts.to_numpy(dtype=np.float64)  # (dense outcome, pruned outcome)
    shares = items / max(1.0, items.sum())
    start, end = _tops(shares.sum(axis=1)), _tops(shares.sum(axis=0))
    above_left = np.cumsum(shares, axis=1) - shares  # of its block, used by the bands before it
    above_right = np.cumsum(shares, axis=0) - shares
    for i, j in np.argwhere(shares > 0):
        a, b = start[i] - above_left[i, j], end[j] - above_right[i, j]
        strong = OUTCOMES[i] == BOTH
        _band(axes, a, b, shares[i, j], OUTCOME_COLOURS[OUTCOMES[j]], strong)
    for x, tops, axis in ((0.0, start, 1), (1 - _WIDTH, end, 0)):
        for name, top, height, n in zip(
            OUTCOMES, tops, shares.sum(axis=axis), items.sum(axis=axis), strict=True
        ):
            if n:
                _block(axes, x, top, height, name, f"{OUTCOME_LABELS[name]}: {n:.0f}")


def _tops(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each stacked block begins, from zero downwards; empty ones take no room."""
    used = heights + np.where(heights > 0, _SPACE, 0.0)
    tops: NDArray[np.float64] = used - np.cumsum(used)
    return tops


def _band(axes: Axes, a: float, b: float, height: float, colour: str, strong: bool) -> None:
    x0, x1, middle = _WIDTH, 1 - _WIDTH, 0.5
    points = [(x0, a), (middle, a), (middle, b), (x1, b), (x1, b - height)]
    points += [(middle, b - height), (middle, a - height), (x0, a - height), (x0, a)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    patch = PathPatch(Path(points, codes), facecolor=colour, alpha=0.55 if strong else 0.22, lw=0)
    axes.add_patch(patch)


def _block(axes: Axes, x: float, top: float, height: float, name: str, text: str) -> None:
    colour = OUTCOME_COLOURS[name]
    axes.add_patch(Rectangle((x, top - height), _WIDTH, height, facecolor=colour, lw=0))
    place, side = (x - 0.02, "right") if x == 0 else (x + _WIDTH + 0.02, "left")
    axes.text(place, top - height / 2, text, ha=side, va="center", fontsize=8.5, color=INK)


def _finding(rows: pd.DataFrame, counts: pd.DataFrame, label: str) -> str:
    able = int(counts.loc[BOTH].to_numpy(dtype=int).sum())
    lost = int(rows.loc[rows["flow"] == LOST, "items"].sum())
    if able == 0:
        return (
            "The dense model could both pick and say none of the answers; there is nothing to lose."
        )
    kept = int(rows.loc[rows["flow"] == "kept", "items"].sum())
    return (
        f"Of {able} answers that the dense model could both pick and say, {label} keeps {kept} in "
        f"both formats and still picks, but no longer says, {lost} ({percent(lost / able)}): the "
        "lost answers of this report."
    )


def _alt(counts: pd.DataFrame, label: str) -> str:
    items = counts.to_numpy(dtype=int)
    steps = [
        f"{OUTCOME_LABELS[a]} to {OUTCOME_LABELS[b]}: {items[i, j]}"
        for i, a in enumerate(OUTCOMES)
        for j, b in enumerate(OUTCOMES)
        if items[i, j]
    ]
    return f"Flow chart of questions from the dense model to {label}. " + "; ".join(steps) + "."
