"""Draw how often the recovery probes bring a lost answer back, beside their controls."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from illusion_lib.divergence.recovery import ANY, DENSE_FAILURES, DISTRACTOR
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.numerals import absent, share
from illusion_lib.report.style import INK, drawing, method_colour, new_figure

PROBE_LABELS = {
    "beam": "beam search",
    "sample": "sampling",
    "one_shot": "one example shown",
    ANY: "any of the three",
    "rank": "gold near the top",
}
# Marker and wording of each group of questions; the lost answers are the only filled ones.
GROUP_STYLES = {
    "lost": ("o", "lost answers (picked, no longer said)"),
    "neither": ("s", "control: neither picked nor said"),
    DENSE_FAILURES: ("^", "control: what the dense model cannot say"),
    DISTRACTOR: ("X", "control: a wrong answer as target"),
}
_STEP = 0.17


def recovery(table: pd.DataFrame) -> Exhibit:
    """Draw the share of each group that each probe reaches, for one pruned cell.

    Parameters
    ----------
    table
        Result of `divergence.recovery` for one cell.
    """
    probes = [name for name in PROBE_LABELS if name in set(table["probe"])]
    colour = method_colour(str(table["method"].iloc[0]))
    with drawing():
        figure = new_figure(7.2, 1.3 + 0.72 * len(probes))
        axes = figure.subplots()
        for place, probe in enumerate(probes):
            for step, group in enumerate(GROUP_STYLES):
                rows = table[(table["probe"] == probe) & (table["group"] == group)]
                _point(axes, rows, place + (step - 1.5) * _STEP, group, colour)
        axes.set_yticks(range(len(probes)), [_probe_name(table, name) for name in probes])
        axes.set(ylim=(len(probes) - 0.5, -0.5), xlim=(-0.02, 1.02), xlabel="share brought back")
        axes.grid(axis="x")
        figure.legend(handles=_handles(colour), loc="outside upper left", ncols=2, fontsize=8.5)
    label = str(table["label"].iloc[0])
    return Exhibit(figure, _finding(table, label), _alt(table, label), _n(table))


def recovery_by_cell(table: pd.DataFrame, probe: str = ANY) -> Exhibit:
    """Draw, for every pruned cell of a model, lost answers against the controls under one probe.

    Parameters
    ----------
    table
        Result of `divergence.recovery` for one model.
    probe
        Which probe; by default whether any of the three succeeds.
    """
    rows = table[table["probe"] == probe]
    cells = list(dict.fromkeys(rows["cell"]))
    with drawing():
        figure = new_figure(7.2, 1.3 + 0.5 * len(cells))
        axes = figure.subplots()
        for place, cell in enumerate(cells):
            for step, group in enumerate(GROUP_STYLES):
                part = rows[(rows["cell"] == cell) & (rows["group"] == group)]
                colour = method_colour(str(part["method"].iloc[0]))
                _point(axes, part, place + (step - 1.5) * _STEP, group, colour)
        labels = rows.drop_duplicates("cell").set_index("cell")["label"]
        axes.set_yticks(range(len(cells)), [labels[cell] for cell in cells])
        axes.set(ylim=(len(cells) - 0.5, -0.5), xlim=(-0.02, 1.02))
        axes.set_xlabel(f"share brought back by {PROBE_LABELS[probe]}")
        axes.grid(axis="x")
        figure.legend(handles=_handles(INK), loc="outside upper left", ncols=2, fontsize=8.5)
    return Exhibit(figure, _overall(rows), _alt(rows, "each pruning"), _n(rows))


def _point(axes: Axes, rows: pd.DataFrame, place: float, group: str, colour: str) -> None:
    row = rows.iloc[0] if len(rows) else None
    if row is None or absent(row["rate"]):
        return
    own = colour if group == "lost" else INK
    fill = own if group == "lost" else "none"
    weight = 1.0 if group == "lost" else 0.55
    axes.hlines(place, float(row["low"]), float(row["high"]), color=own, lw=1.4, alpha=weight)
    marker = GROUP_STYLES[group][0]
    axes.plot([float(row["rate"])], [place], marker, color=own, mfc=fill, ms=6.5, alpha=weight)


def _handles(colour: str) -> list[Line2D]:
    return [
        Line2D(
            [], [], ls="", marker=marker, label=label,
            color=colour if group == "lost" else INK,
            mfc=colour if group == "lost" else "none",
            alpha=1.0 if group == "lost" else 0.7,
        )
        for group, (marker, label) in GROUP_STYLES.items()
    ]  # fmt: skip


def _probe_name(table: pd.DataFrame, probe: str) -> str:
    budget: Any = table.loc[table["probe"] == probe, "budget"].max()
    if absent(budget):
        return PROBE_LABELS[probe]
    word = {"beam": "{} beams", "sample": "{} samples", "one_shot": "{} demonstrations"}
    text = word.get(probe, "rank ≤ {}").format(int(budget))
    return f"{PROBE_LABELS[probe]}\n({text.removesuffix('s') if budget == 1 else text})"


def rate_words(row: Any) -> str:
    """Return ``12 of 17 (0.71)``, or ``none to ask`` for an empty group."""
    if absent(row["rate"]):
        return "none to ask"
    return f"{int(row['successes'])} of {int(row['items'])} ({share(row['rate'])})"


def _finding(table: pd.DataFrame, label: str) -> str:
    rows = table[table["probe"] == ANY].set_index("group")
    if rows.empty or absent(rows.loc["lost", "rate"]):
        return f"{label} lost no answer that it still picks: there is nothing to bring back."
    controls = "; ".join(
        f"{words}, {rate_words(rows.loc[group])}"
        for group, words in (
            ("neither", "questions failed in both formats"),
            (DENSE_FAILURES, "the dense model's own failures"),
            (DISTRACTOR, "a wrong answer as target"),
        )
    )
    return (
        f"Beam search, sampling or an example bring back {rate_words(rows.loc['lost'])} of the "
        f"answers lost at {label}. The same search on the controls: {controls}. Only what exceeds "
        "the controls speaks for demotion."
    )


def _overall(rows: pd.DataFrame) -> str:
    lost, other = (rows[rows["group"] == name] for name in ("lost", "neither"))
    sums = [int(part[name].sum()) for part in (lost, other) for name in ("successes", "items")]
    if not sums[1]:
        return "No pruning lost an answer that it still picks."
    control = f"{sums[2]} of {sums[3]}" if sums[3] else "none to ask"
    own = rows[rows["group"] == DENSE_FAILURES]
    unsaid = (
        f" Of what the dense model itself cannot say it finds {rate_words(own.iloc[0])}."
        if len(own)
        else ""
    )
    return (
        f"Over all prunings {sums[0]} of {sums[1]} lost answers come back under the search, "
        f"against {control} where the pruned model neither picks nor says the answer.{unsaid}"
    )


def _alt(table: pd.DataFrame, label: str) -> str:
    steps = [
        f"{row['label']}, {PROBE_LABELS[row['probe']]}, {GROUP_STYLES[row['group']][1]}: "
        f"{rate_words(row)}"
        for _, row in table.iterrows()
        if row["group"] in GROUP_STYLES and row["probe"] in PROBE_LABELS
    ]
    return f"Dot plot of recovery at {label}, with 95 % intervals. " + "; ".join(steps) + "."


def _n(table: pd.DataFrame) -> str:
    lost = table[(table["group"] == "lost") & (table["probe"] == table["probe"].iloc[0])]
    return f"{int(lost['items'].sum())} lost answers"
