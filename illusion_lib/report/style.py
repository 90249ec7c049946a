"""The one visual language: what a colour, a line style and a marker mean on every page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Text and axes are drawn in this colour; the page replaces it by its own text colour, so that one
# drawing serves light, dark and print.
INK = "#1a1a1b"

# Okabe and Ito's palette (2008), told apart by readers with any common colour blindness.
METHOD_COLOURS = {
    "dense": "#767b85",
    "magnitude": "#d55e00",
    "wanda": "#2a7fb8",
    "sparsegpt": "#009e73",
}
_OTHER_COLOURS = ("#cc79a7", "#b8860b", "#56b4e9", "#8c6bb1")

# What became of an answer, worst last; used wherever answers are sorted into outcomes.
OUTCOME_COLOURS = {
    "both": "#2a7fb8",
    "recognition_only": "#e69f00",
    "production_only": "#56b4e9",
    "neither": "#767b85",
}


@dataclass(frozen=True, slots=True)
class FormatStyle:
    """How one answer format is drawn and named."""

    label: str
    line: str
    marker: str


FORMATS = {
    "open": FormatStyle("says it (open answer)", "-", "o"),
    "candidates": FormatStyle("says it, options shown", "-.", "^"),
    "choice": FormatStyle("picks it (multiple choice)", "--", "s"),
}
CHANCE: dict[str, Any] = {"color": INK, "linestyle": ":", "linewidth": 1.0, "alpha": 0.8}


def method_colour(method: str) -> str:
    """Return the colour of a pruning method; a method added later gets one that stays."""
    known = METHOD_COLOURS.get(method)
    return known or _OTHER_COLOURS[sum(method.encode()) % len(_OTHER_COLOURS)]


_RC: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    # Above the axes, where nothing else is: looking for a place takes a fifth of a drawing's time.
    "axes.titley": 1.0,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],  # measured with the first; the second is as wide
    "font.size": 9,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def drawing(also: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Apply the style, and further settings of matplotlib, to what is drawn inside the block."""
    settings: Any = _RC | dict(also or {})
    with mpl.rc_context(settings):
        yield


def new_figure(width: float = 7.2, height: float = 3.2) -> Figure:
    """Return an empty figure (inches) that no plotting state knows of; call inside `drawing`."""
    return Figure(figsize=(width, height))
