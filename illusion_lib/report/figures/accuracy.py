"""Draw how accuracy in each format falls with sparsity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from illusion_lib.divergence.frames import ALL
from illusion_lib.pruning.registry import DENSE, METHODS
from illusion_lib.records import PRODUCTION, RECOGNITION
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.numerals import percent, share
from illusion_lib.report.style import CHANCE, FORMATS, INK, drawing, method_colour, new_figure

_PAIR = (RECOGNITION, PRODUCTION)
_ENTRY_INCHES = 2.0  # room that an entry of the legend takes
_BESIDE = 0.022  # n:m cells stand this far right of the unstructured ones of equal sparsity


def method_label(method: str) -> str:
    """Return a pruning method's name for a reader."""
    known = METHODS.get(method)
    label = known.label if known else method
    return label[0].upper() + label[1:]


def accuracy(table: pd.DataFrame, formats: Sequence[str] = _PAIR) -> Exhibit:
    """Draw accuracy against sparsity, one panel a pruning method.

    Parameters
    ----------
    table
        Result of `divergence.accuracy` for one model.
    formats
        Which answer formats.
    """
    overall = table[table["language"] == ALL]
    methods = [m for m in overall["method"].unique() if m != DENSE] or [DENSE]
    with drawing():
        figure = new_figure(max(4.2, 2.45 * len(methods)), 3.0)
        panels = np.atleast_1d(figure.subplots(1, len(methods), sharey=True))
        for axes, method in zip(panels, methods, strict=True):
            part = overall[overall["method"].isin([DENSE, method])]
            for name in formats:
                _series(axes, part[part["format"] == name], method, name)
            level = _chance_line(axes, part)
            _frame(axes, part, method_label(method))
        _name_chance(panels[-1], level)
        panels[0].set_ylabel("share of questions right")
        _legend(figure, formats)
    return Exhibit(figure, _finding(overall), _alt(overall, methods), _n(overall))


def accuracy_by_language(table: pd.DataFrame) -> Exhibit:
    """Draw accuracy against sparsity, one panel a language, methods by colour.

    Parameters
    ----------
    table
        Result of `divergence.accuracy` for one model.
    """
    names = [name for name in table["language"].unique() if name != ALL]
    rows, columns = -(-len(names) // 4), min(4, len(names))
    with drawing():
        figure = new_figure(max(4.2, 3.1 * columns), 2.9 * rows)
        grid = np.atleast_1d(figure.subplots(rows, columns, sharey=True, squeeze=False)).ravel()
        for axes in grid[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(grid, names, strict=False):
            part = table[table["language"] == name]
            for method in (m for m in part["method"].unique() if m != DENSE):
                both = part[part["method"].isin([DENSE, method])]
                for kind in _PAIR:
                    _series(axes, both[both["format"] == kind], method, kind, band=False)
            level = _chance_line(axes, part)
            _frame(axes, part, name)
        _name_chance(grid[len(names) - 1], level)
        grid[0].set_ylabel("share of questions right")
        _legend(figure, _PAIR, [m for m in table["method"].unique() if m != DENSE])
    gaps = {name: _widest(table[table["language"] == name]) for name in names}
    said = "; ".join(
        f"{name}: {percent(cell['choice'])} picked, {percent(cell['open'])} said at {cell['label']}"
        for name, cell in gaps.items()
        if cell is not None
    )
    caption = f"Where the two formats part most, by language. {said}."
    return Exhibit(figure, caption, "Accuracy against sparsity by language. " + caption, _n(table))


def _series(axes: Axes, rows: pd.DataFrame, method: str, name: str, band: bool = True) -> None:
    """Draw one format of one method: a line over unstructured cells, n:m cells beside it."""
    style, colour = FORMATS[name], method_colour(method)
    rows = rows.astype(dict.fromkeys(("sparsity", "accuracy", "low", "high"), float))
    plain = rows[rows["pattern"].isna()].groupby("sparsity")
    line = plain.agg(accuracy=("accuracy", "mean"), low=("low", "min"), high=("high", "max"))
    axes.plot(line.index, line["accuracy"], style.line, color=colour, marker=style.marker)
    if 0.0 in line.index:
        axes.plot(
            [0.0], [line["accuracy"].loc[0.0]], style.marker, color=method_colour(DENSE), ms=7
        )
    if band:
        axes.fill_between(line.index, line["low"], line["high"], color=colour, alpha=0.15, lw=0)
    for _, cell in rows[rows["pattern"].notna()].iterrows():
        x = cell["sparsity"] + _BESIDE
        axes.vlines(x, cell["low"], cell["high"], color=colour, lw=1.2, alpha=0.7 if band else 0)
        axes.plot([x], [cell["accuracy"]], style.marker, color=colour, mfc="none", mew=1.4)
        if name == RECOGNITION:
            axes.annotate(
                cell["pattern"], (x, cell["high"]), (0, 3), textcoords="offset points",
                ha="center", fontsize=7.5, color=colour,
            )  # fmt: skip


def _chance_line(axes: Axes, rows: pd.DataFrame) -> float | None:
    chance = rows.loc[rows["format"] == RECOGNITION, "chance"].dropna()
    if chance.empty:
        return None
    level = float(chance.iloc[0])
    axes.axhline(level, **CHANCE)
    return level


def _name_chance(axes: Axes, level: float | None) -> None:
    """Name the dotted line beside the last panel, where no other line is."""
    if level is not None:
        beside = axes.get_yaxis_transform()
        axes.text(1.02, level, "guess", transform=beside, va="center", fontsize=8)


def _frame(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    sparsities = sorted({0.0, *rows["sparsity"].dropna().astype(float).round(3)})
    axes.set(title=title, xlabel="sparsity", ylim=(-0.03, 1.05))
    axes.set_xticks(sparsities, ["dense", *(f"{s:g}" for s in sparsities[1:])])
    axes.margins(x=0.09)
    axes.grid(axis="y")


def _legend(figure: Any, formats: Sequence[str], methods: Sequence[str] = ()) -> None:
    handles = [
        Line2D(
            [], [], color=INK, ls=FORMATS[n].line, marker=FORMATS[n].marker, label=FORMATS[n].label
        )
        for n in formats
    ]
    handles += [
        Line2D([], [], color=method_colour(m), lw=4, label=method_label(m)) for m in methods
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=min(len(handles), int(figure.get_figwidth() // _ENTRY_INCHES)),
        fontsize=8.5,
        handlelength=3.2,
    )


def _widest(overall: pd.DataFrame) -> dict[str, Any] | None:
    """Return the pruned cell in which the formats have parted most beyond the dense model."""
    wide = overall.pivot_table(
        index=["cell", "label", "method", "sparsity"], columns="format", values="accuracy",
        sort=False, dropna=False,
    ).reset_index().dropna(subset=["label"])  # fmt: skip
    wide = wide[wide["cell"].notna()]
    if not {PRODUCTION, RECOGNITION} <= set(wide):
        return None
    wide = wide.dropna(subset=[PRODUCTION, RECOGNITION])
    dense, pruned = wide[wide["method"] == DENSE], wide[wide["method"] != DENSE]
    if dense.empty or pruned.empty:
        return None
    before = dense.iloc[0]
    kept = (pruned[RECOGNITION] - before[RECOGNITION]) - (pruned[PRODUCTION] - before[PRODUCTION])
    best: dict[str, Any] = pruned.loc[kept.astype(float).idxmax()].to_dict()
    return best | {"dense_open": before[PRODUCTION], "dense_choice": before[RECOGNITION]}


def _finding(overall: pd.DataFrame) -> str:
    cell = _widest(overall)
    if cell is None:
        dense = overall.set_index("format")["accuracy"]
        said = ", ".join(
            f"{FORMATS[k].label} {percent(v)}" for k, v in dense.items() if k in FORMATS
        )
        return f"The dense model alone: {said}."
    now = f"{percent(cell['choice'])} of the answers picked, {percent(cell['open'])} said"
    before = f"{percent(cell['dense_choice'])} and {percent(cell['dense_open'])}"
    return (
        f"The two formats part most at {cell['label']}: {now}; the dense model had {before}. "
        "Bands are 95 % intervals; the dotted line is what guessing gives in multiple choice."
    )


def _alt(overall: pd.DataFrame, methods: Sequence[str]) -> str:
    parts = []
    for method in methods:
        rows = overall[overall["method"].isin([DENSE, method])]
        for name in _PAIR:
            values = rows[rows["format"] == name].sort_values("sparsity")
            steps = ", ".join(
                f"{label} {share(value)}"
                for label, value in zip(values["label"], values["accuracy"], strict=True)
            )
            parts.append(f"{method_label(method)}, {FORMATS[name].label}: {steps}")
    return "Line chart of accuracy against sparsity. " + "; ".join(parts) + "."


def _n(table: pd.DataFrame) -> str:
    rows = table[table["language"] == ALL] if ALL in set(table["language"]) else table
    questions, facts = int(rows["items"].max()), int(rows["clusters"].max())
    return f"{questions} questions about {facts} facts in each cell"
