"""Draw every question as a thin column and every pruning as a row, coloured by what it can do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from illusion_lib.divergence.frames import cells
from illusion_lib.divergence.outcomes import BOTH, OUTCOMES, PRODUCTION_ONLY, RECOGNITION_ONLY
from illusion_lib.pruning.registry import DENSE
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.figures.flow import OUTCOME_LABELS
from illusion_lib.report.style import OUTCOME_COLOURS, drawing, new_figure

_ROW, _SEAM = 0.24, 0.05
_SAID = (BOTH, PRODUCTION_ONLY)


def heat_strip(items: pd.DataFrame) -> Exhibit:
    """Draw the outcome of every question in every cell of a model, one panel a language.

    Parameters
    ----------
    items
        Result of `divergence.outcomes` for one model; rows without an outcome stay blank.
    """
    languages = sorted(items["language"].unique())
    names = [_name(front) for front, _ in cells(items)]
    with drawing():
        figure = new_figure(7.2, 0.7 + len(languages) * (0.45 + _ROW * len(names)))
        panels = figure.subplots(len(languages), 1, squeeze=False)[:, 0]
        for axes, language in zip(panels, languages, strict=True):
            grid = outcome_grid(items[items["language"] == language])
            _draw(axes, grid, names)
            axes.set_title(language)
        panels[-1].set_xlabel("questions, by what the dense model can do with them")
        handles = [Patch(color=OUTCOME_COLOURS[n], label=OUTCOME_LABELS[n]) for n in OUTCOMES]
        figure.legend(handles=handles, loc="outside upper left", ncols=4, fontsize=8.5)
    questions = int(items.drop_duplicates(["language", "item_id"]).shape[0])
    return Exhibit(figure, _finding(items), _alt(items), f"{questions} questions")


def outcome_grid(items: pd.DataFrame) -> NDArray[np.float64]:
    """Return the outcome of each question in each cell, ordered by the dense model's outcome.

    Within one outcome of the dense model, the questions that most cells say come first.

    Parameters
    ----------
    items
        Rows of `divergence.outcomes` of one model and language.

    Returns
    -------
    ndarray
        Float (cells, questions): the place of the outcome in `OUTCOMES`, NaN where unknown.
    """
    place = {name: float(i) for i, name in enumerate(OUTCOMES)}
    order = list(dict.fromkeys(items["cell"]))
    known = items.assign(place=items["outcome"].map(place).astype(float))
    wide = known.pivot(index="cell", columns="item_id", values="place").reindex(order)
    grid: NDArray[np.float64] = wide.to_numpy(dtype=np.float64)  # (cells, questions)
    said = np.isin(grid, [OUTCOMES.index(name) for name in _SAID]).sum(axis=0)
    picked = (grid == OUTCOMES.index(RECOGNITION_ONLY)).sum(axis=0)
    first = np.nan_to_num(grid[0], nan=len(OUTCOMES))
    return grid[:, np.lexsort((-picked, -said, first))]


def _draw(axes: Axes, grid: NDArray[np.float64], names: list[str]) -> None:
    for row, outcomes in enumerate(grid[::-1]):
        starts = np.flatnonzero(np.append(True, outcomes[1:] != outcomes[:-1]))
        lengths = np.diff(starts, append=outcomes.size)
        # A bar for each run of equal outcomes: one for each question makes pages many times larger.
        for place, name in enumerate(OUTCOMES):
            same = outcomes[starts] == place
            runs = list(zip(starts[same].tolist(), lengths[same].tolist(), strict=True))
            height = (row + _SEAM, 1 - 2 * _SEAM)
            axes.broken_barh(runs, height, facecolors=OUTCOME_COLOURS[name], lw=0)
    axes.set(xlim=(0, grid.shape[1]), ylim=(0, len(grid)))
    axes.set_yticks(np.arange(len(names)) + 0.5, names[::-1])
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _name(front: dict[str, object]) -> str:
    draw = f", draw {front['calibration_seed']}" if front["calibration_seed"] else ""
    return f"{front['label']}{draw}"


def _finding(items: pd.DataFrame) -> str:
    pruned = items[(items["method"] != DENSE) & items["outcome"].notna()]
    if pruned.empty:
        return "Only the dense model was asked."
    keys = ["language", "item_id"]
    can = items[(items["method"] == DENSE) & (items["outcome"] == BOTH)][keys]
    known = pruned.merge(can, on=keys)
    said = known.assign(said=known["outcome"] == BOTH).groupby(keys)["said"].all()
    lost = known.assign(lost=known["outcome"] == RECOGNITION_ONLY).groupby(keys)["lost"].any()
    return (
        f"Of the {len(can)} questions that the dense model picks and says, {int(said.sum())} stay "
        f"so in every pruning, and {int(lost.sum())} are only picked in at least one of them."
    )


def _alt(items: pd.DataFrame) -> str:
    steps = []
    for front, part in cells(items):
        counts = part["outcome"].value_counts()
        words = ", ".join(f"{int(counts.get(n, 0))} {OUTCOME_LABELS[n]}" for n in OUTCOMES)
        steps.append(f"{_name(front)}: {words}")
    return "Strip of outcomes, one column a question. " + "; ".join(steps) + "."
