"""Show what beam search returned for one lost answer, and how recovery grows with samples."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from illusion_lib.divergence import outcomes, pairs
from illusion_lib.divergence.outcomes import LOST, NEITHER
from illusion_lib.errors import IllusionError
from illusion_lib.escape import plain, shorten, visible
from illusion_lib.items.matching import matches
from illusion_lib.report.examples import lost_examples
from illusion_lib.report.exhibit import Exhibit, Html
from illusion_lib.report.numerals import share
from illusion_lib.report.parts import note
from illusion_lib.report.style import INK, drawing, new_figure
from illusion_lib.report.tables import table

_KEY = ["model", "cell", "language", "item_id"]


def beams_of_one(records: pd.DataFrame) -> Html:
    """Return every beam of the first lost answer that beam search brings back."""
    for cell in dict.fromkeys(records["cell"]):
        for _, example in lost_examples(_with_dense(records, cell), cell, 1).iterrows():
            at = (records["cell"] == cell) & (records["item_id"] == example["item_id"])
            beam = records[at & (records["probe"] == "beam") & (records["target"] == "gold")]
            if len(beam) and bool(beam["correct"].iloc[0]):
                return _beam_table(beam.iloc[0])
    return note("In this run beam search brought no lost answer back.")


def _with_dense(records: pd.DataFrame, cell: str) -> pd.DataFrame:
    return records[records["cell"].isin([cell]) | (records["method"] == "dense")]


def _beam_table(row: Any) -> Html:
    right = [_matches(text, row) for text in row["outputs"]]
    shown = pd.DataFrame(
        {
            "beam": [str(place) for place in range(1, len(right) + 1)],
            "text": [
                f'<span class="{"right" if hit else "wrong"}-answer">{plain(text, 120)}</span>'
                for text, hit in zip(row["outputs"], right, strict=True)
            ],
            "verdict": ["right" if hit else "wrong" for hit in right],
        }
    )
    question, gold = shorten(visible(row["question"]), 200), shorten(visible(row["gold"]), 80)
    caption = f"{sum(right)} of {len(right)} beams of {row['label']} say {gold}. “{question}”"
    names = {"text": "what beam search returned"}
    return table(shown, caption, {"beam": str}, names, ("text",), row["item_id"])


def _matches(text: str, row: Any) -> bool:
    try:
        return matches(text, (row["gold"],), (), row["language"])
    except IllusionError:
        return False


def pass_at_k(records: pd.DataFrame) -> Exhibit | Html:
    """Draw the unbiased pass@k over lost answers and over questions failed in both formats."""
    paired = pairs(outcomes(records))
    samples = records[(records["probe"] == "sample") & (records["target"] == "gold")]
    groups = {
        "lost answers": (samples.merge(paired.loc[paired["flow"] == LOST, _KEY], on=_KEY), "-"),
        "control: neither picked nor said": (
            samples.merge(paired.loc[paired["outcome"] == NEITHER, _KEY], on=_KEY),
            ":",
        ),
    }
    if groups["lost answers"][0].empty:
        return note("No answer was lost to production only in this run.")
    with drawing():
        figure = new_figure(4.7, 2.9)
        axes = figure.subplots()
        said, tops = [], []
        for name, (rows, line) in groups.items():
            if len(rows):
                curve = _curve(rows)
                sizes = np.arange(1, curve.size + 1)
                tops.append(float(curve.max()))
                axes.plot(sizes, curve, line, color=INK, label=f"{name} (n = {len(rows)})")
                said.append(
                    f"{name}: {share(curve[0])} with one sample, "
                    f"{share(curve[-1])} with {curve.size}"
                )
        axes.set(
            ylim=(0, min(1.03, max(0.3, 1.6 * max(tops)))),
            xlabel="samples",
            ylabel="chance of at least one hit",
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        axes.legend(fontsize=8.5)
    caption = f"Over all prunings of this run, {'; '.join(said)}."
    n = f"{len(groups['lost answers'][0])} lost answers"
    return Exhibit(figure, caption, "Line chart of pass@k. " + caption, n)


def _curve(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return pass@k for k = 1 … n, the mean over questions."""
    tries = int(rows["tries"].min())
    pairs_of = zip(rows["successes"].astype(int), rows["tries"].astype(int), strict=True)
    table_of = [[1 - comb(n - c, k) / comb(n, k) for k in range(1, tries + 1)] for c, n in pairs_of]
    mean: NDArray[np.float64] = np.mean(table_of, axis=0)
    return mean
