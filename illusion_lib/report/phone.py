"""Lay a figure out anew for a phone: panels below each other, the legend above, long lines cut.

The same artists are moved, so that what a phone shows cannot differ from what a desk shows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.legend import Legend
from matplotlib.text import Text

WIDTH = 3.6  # inches: how wide the text of a page is on a phone
FITS = 4.7  # inches of a figure whose words stay readable when it is made smaller for a phone
_HEAD = 0.8  # inches of a figure that are no panel: legend, title, labels
_SLIM = 0.85  # a stacked panel's height, measured by one that stands beside others
_ENTRY = 0.19  # inches that an entry of the legend is high
_LABEL, _NOTE, _SHORT = 38, 14, 15  # characters: below an axis, beside a mark, in half a legend


@contextmanager
def narrow(figure: Figure) -> Iterator[None]:
    """Give a figure its phone form inside the block, and its own form back after it.

    Parameters
    ----------
    figure
        A figure with constrained layout; only its layout is changed.
    """
    with ExitStack() as undo:
        size = tuple(figure.get_size_inches())
        undo.callback(figure.set_size_inches, *size)
        panels = [axes for axes in figure.axes if axes.get_visible()]
        height = size[1]
        spec = panels[0].get_subplotspec()
        rows = spec.get_gridspec().nrows if spec else len(panels)
        if len(panels) > rows:
            height += (len(panels) - rows) * _SLIM * (height - _HEAD) / rows
            _stack(figure, panels, undo)
        height += _ENTRY * _one_legend(figure, panels, undo)
        for axes in panels:
            _wrap(axes.xaxis.label, _LABEL, undo)
            for note in axes.texts:
                _wrap(note, _NOTE, undo)
        figure.set_size_inches(WIDTH, height)
        yield


def _stack(figure: Figure, panels: list[Axes], undo: ExitStack) -> None:
    """Put panels that stand beside each other into one column, each with its own numbers."""
    grid = GridSpec(len(panels), 1, figure=figure)
    for place, axes in enumerate(panels):
        spec = axes.get_subplotspec()
        if spec is not None:
            undo.callback(axes.set_subplotspec, spec)
        axes.set_subplotspec(grid[place, 0])
        below = axes.xaxis.get_tick_params().get("labelbottom", True)
        beside = axes.yaxis.get_tick_params().get("labelleft", True)
        undo.callback(axes.tick_params, labelbottom=below, labelleft=beside)
        axes.tick_params(labelbottom=True, labelleft=True)
        if not axes.get_ylabel():
            undo.callback(axes.set_ylabel, "")
            axes.set_ylabel(panels[0].get_ylabel())
        # What all panels share is said once, below the last.
        if axes is not panels[-1] and axes.get_xlabel() == panels[-1].get_xlabel():
            undo.callback(axes.set_xlabel, axes.get_xlabel())
            axes.set_xlabel("")


def _one_legend(figure: Figure, panels: list[Axes], undo: ExitStack) -> int:
    """Gather all legends above the panels; return by how many rows that makes the figure higher."""
    inside = [legend for axes in panels if (legend := axes.get_legend()) is not None]
    above: list[Legend] = list(figure.legends)
    if not inside and not above:
        return 0
    for legend in inside:
        undo.callback(legend.set_visible, True)
        undo.callback(legend.set_in_layout, True)
        legend.set_visible(False)
        legend.set_in_layout(False)
    for legend in above:
        figure.legends.remove(legend)
        undo.callback(figure.legends.append, legend)
    entries = {
        text.get_text(): handle
        for legend in (*above, *inside)
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    columns = 2 if max(map(len, entries)) <= _SHORT else 1
    gathered = figure.legend(
        [handle for handle in entries.values() if handle is not None],
        list(entries),
        loc="outside upper left",
        ncols=columns,
        fontsize=8.5,
        handlelength=2.6,
    )
    undo.callback(gathered.remove)
    return max(0, -(-len(entries) // columns) - len(above))


def _wrap(text: Text, width: int, undo: ExitStack) -> None:
    whole = text.get_text()
    if len(whole.strip()) > width and "\n" not in whole:
        undo.callback(text.set_text, whole)
        text.set_text(textwrap.fill(whole, width, break_long_words=False))
