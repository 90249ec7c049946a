"""Draw where the right answer stands among the next tokens, before and after pruning."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from illusion_lib.divergence import outcomes, pairs, tidy
from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.outcomes import LOST, NEITHER
from illusion_lib.pruning.registry import DENSE
from illusion_lib.report.exhibit import Exhibit
from illusion_lib.report.style import drawing, method_colour, new_figure

_KEY = ["model", "language", "item_id"]


def rank_distribution(records: Records, cell: str) -> Exhibit:
    """Draw the cumulative share of questions whose gold token has at most a given rank.

    Parameters
    ----------
    records
        Records of the dense model and of a pruned cell.
    cell
        Slug of the pruned cell.
    """
    groups = _ranks(records, cell)
    frame = tidy(records)
    own = frame[frame["cell"] == cell].iloc[0]
    label, colour = str(own["label"]), method_colour(str(own["method"]))
    styles = {
        "lost answers, dense": (method_colour(DENSE), "-"),
        f"lost answers, {label}": (colour, "-"),
        f"neither picked nor said, {label}": (colour, ":"),
    }
    named = dict(zip(styles, groups, strict=True))
    with drawing():
        figure = new_figure(6.2, 3.0)
        axes = figure.subplots()
        for name, (line_colour, line) in styles.items():
            ranks = np.sort(named[name])
            if ranks.size:
                share = np.arange(1, ranks.size + 1) / ranks.size
                steps = np.concatenate([[0.8], ranks, [max(100, ranks[-1]) * 1.6]])
                shares = np.concatenate([[0.0], share, [1.0]])
                label_n = f"{name} (n = {ranks.size})"
                axes.step(steps, shares, where="post", color=line_colour, ls=line, label=label_n)
        axes.set(xscale="log", ylim=(0, 1.03), xlabel="rank of its first token (1 = top)")
        axes.set_ylabel("share of questions at or above")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="both")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right", fontsize=8.5)
        else:
            axes.text(0.5, 0.5, "no lost answer", transform=axes.transAxes, ha="center")
    said = [f"{name}: {_middle(ranks)}" for name, ranks in named.items()]
    caption = (
        f"Median rank of the gold's first token at the answer slot: {'; '.join(said)}. A demoted "
        "answer waits just below the top; an erased one is far down."
    )
    n = f"{groups[0].size} lost answers, {groups[2].size} questions failed in both formats"
    return Exhibit(figure, caption, "Cumulative distribution of ranks. " + caption, n)


def _ranks(
    records: Records, cell: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the ranks of lost answers (dense, then pruned) and of answers lost in both formats."""
    paired = pairs(outcomes(records))
    paired = paired[paired["cell"] == cell]
    frame = tidy(records)
    rank = frame[(frame["probe"] == "rank") & (frame["target"] == "gold")]
    rank = rank[rank["target_rank"].notna()]

    def of(part: pd.DataFrame, name: str) -> NDArray[np.float64]:
        asked = rank[rank["cell"] == name].merge(part[_KEY], on=_KEY)
        found: NDArray[np.float64] = asked["target_rank"].to_numpy(dtype=np.float64)
        return found

    lost, neither = paired[paired["flow"] == LOST], paired[paired["outcome"] == NEITHER]
    dense = str(frame.loc[frame["method"] == DENSE, "cell"].iloc[0])
    return of(lost, dense), of(lost, cell), of(neither, cell)


def _middle(ranks: NDArray[np.float64]) -> str:
    return f"{np.median(ranks):g}" if ranks.size else "none to ask"
