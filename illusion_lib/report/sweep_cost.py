"""What a sweep costs: measured seconds of a finished run, and what a larger study would need."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import pandas as pd

from illusion_lib.pruning.registry import DENSE
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import count
from illusion_lib.report.tables import table
from illusion_lib.runs import StudyResult
from illusion_lib.runs.display import duration


def measured(result: StudyResult) -> pd.DataFrame:
    """Return what the cells of a finished run took.

    Returns
    -------
    DataFrame
        One row per pruning method: ``method``, ``cells``, and medians over its cells: ``setup``
        (seconds to load, calibrate and prune) and ``item`` (seconds for one question in all its
        formats).
    """
    rows = []
    for cell in result.cells:
        seconds = cell.manifest.seconds
        probing = seconds.get("probe", 0.0)
        rows.append(
            {
                "method": cell.spec.prune.method,
                "setup": sum(seconds.values()) - probing,
                "item": probing / cell.manifest.items["count"],
            }
        )
    grouped = pd.DataFrame(rows).groupby("method", sort=False)
    return grouped.agg(cells=("item", "size"), setup=("setup", "median"), item=("item", "median"))


def planned(
    costs: pd.DataFrame, models: int, prunings: int, items: int, speed: float = 1.0
) -> list[float]:
    """Return the seconds of every cell of a study that is not run yet.

    Parameters
    ----------
    costs
        From `measured`.
    models, prunings
        How many; each model is also run dense.
    items
        Questions that one cell asks, over all languages.
    speed
        How many times as fast as in the measured run a cell goes on the other device.
    """
    seconds = (costs["setup"] + items * costs["item"]) / speed
    dense, pruned = seconds[seconds.index == DENSE], seconds[seconds.index != DENSE]
    return [float(dense.mean()), *[float(pruned.mean())] * prunings] * models


def makespan(seconds: Iterable[float], devices: int) -> float:
    """Return how long the last device works if the longest cells start first.

    >>> makespan([3, 3, 2, 2, 2], devices=2)
    7.0
    """
    ends = [0.0] * devices
    for one in sorted(seconds, reverse=True):
        heapq.heappush(ends, heapq.heappop(ends) + one)
    return max(ends)


def measured_table(result: StudyResult) -> Html:
    """Return the table of `measured` for a reader."""
    shown = measured(result).reset_index()
    manifest = result.cells[0].manifest
    return table(
        shown,
        f"Median wall time of the cells of this run ({manifest.device}, {manifest.dtype}).",
        {"cells": count, "setup": _seconds, "item": _seconds},
        {"setup": "load, calibrate, prune (s)", "item": "one question, all formats (s)"},
    )


def planned_table(
    result: StudyResult,
    models: int,
    prunings: int,
    items: int,
    devices: int,
    speeds: Sequence[float] = (1, 10, 100),
) -> Html:
    """Return what a study would take on `devices` that run a cell `speeds` times as fast."""
    rows = []
    for speed in speeds:
        seconds = planned(measured(result), models, prunings, items, speed)
        rows.append(
            {
                "speed": f"{speed:g}\u00a0×",
                "cell": duration(max(seconds)),
                "all": duration(sum(seconds)),
                "wall": duration(makespan(seconds, devices)),
            }
        )
    cells = models * (prunings + 1)
    return table(
        pd.DataFrame(rows),
        f"{cells} cells of {count(items)} questions each on {devices} devices.",
        dict.fromkeys(("speed", "cell", "all", "wall"), str),
        {
            "speed": "a cell's speed compared with this run",
            "cell": "longest cell",
            "all": "all cells one after another",
            "wall": f"on {devices} devices",
        },
    )


def _seconds(value: float) -> str:
    return f"{value:.2f}"
