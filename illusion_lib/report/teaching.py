"""Show small numbers that a reader made by hand: a matrix as a table, series as lines."""

from __future__ import annotations

import html
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.report.exhibit import Exhibit, Html
from illusion_lib.report.numerals import nats
from illusion_lib.report.style import INK, drawing, new_figure
from illusion_lib.report.tables import framed


def matrix(
    values: ArrayLike, caption: str, mark: ArrayLike | None = None, columns: str = "input"
) -> Html:
    """Return a matrix (rows, columns) as a table; marked entries are struck out.

    Parameters
    ----------
    values
        Numbers.
    caption
        What the matrix is.
    mark
        Boolean, same shape: which entries go.
    columns
        What a column stands for.
    """
    numbers = np.atleast_2d(np.asarray(values, dtype=np.float64))
    marked = np.zeros(numbers.shape, dtype=bool) if mark is None else np.asarray(mark, dtype=bool)
    head = "".join(
        f'<th scope="col" class="number">{html.escape(columns)} {j + 1}</th>'
        for j in range(numbers.shape[1])
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="number">{f"<s>{nats(x)}</s>" if gone else nats(x)}</td>'
            for x, gone in zip(row, gone_row, strict=True)
        )
        + "</tr>"
        for row, gone_row in zip(numbers, marked, strict=True)
    )
    return framed(f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>", caption)


_NAMED = 8  # so many places or fewer are all named below the axis
_LINES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))


def curves(
    x: ArrayLike,
    series: Mapping[str, ArrayLike],
    across: str,
    up: str,
    finding: str,
    n: str | None = None,
) -> Exhibit:
    """Draw up to four series over the same places, told apart by line and mark.

    Parameters
    ----------
    x
        Where the values lie; (places,).
    series
        Name to values, each (places,).
    across, up
        What the axes show, with units.
    finding
        What the drawing shows, in a sentence.
    n
        How much each point rests on, in words; how many points are drawn, if None.
    """
    places = np.asarray(x, dtype=np.float64)
    values = {name: np.asarray(y, dtype=np.float64) for name, y in series.items()}
    with drawing():
        figure = new_figure(4.7, 2.9)
        axes = figure.subplots()
        for (line, mark), (name, y) in zip(_LINES, values.items(), strict=False):
            axes.plot(places, y, line, marker=mark, color=INK, label=name)
        axes.set(xlabel=across, ylabel=up)
        if places.size <= _NAMED:
            axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_ylim(bottom=min(0.0, min(float(y.min()) for y in values.values())))
        axes.grid(axis="y")
        axes.legend(fontsize=8.5)
    said = "; ".join(
        f"{name}: {nats(y[0])} at {places[0]:g}, {nats(y[-1])} at {places[-1]:g}"
        for name, y in values.items()
    )
    alt = f"Line chart of {up} over {across}. {said}."
    return Exhibit(figure, finding, alt, n or f"{places.size} points, computed here", False)
