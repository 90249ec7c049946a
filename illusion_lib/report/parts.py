"""The tables and sentences of the run pages: what was found, in words computed from records."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pandas as pd

from illusion_lib import divergence
from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.frames import ALL
from illusion_lib.divergence.outcomes import LOST, NEITHER
from illusion_lib.divergence.recovery import ANY
from illusion_lib.pruning.registry import DENSE
from illusion_lib.report import figures
from illusion_lib.report.examples import examples_table, lost_examples
from illusion_lib.report.exhibit import Exhibit, Html
from illusion_lib.report.figures.accuracy import method_label
from illusion_lib.report.numerals import (
    Format,
    count,
    p_value,
    percent,
    share,
    signed,
    with_interval,
)
from illusion_lib.report.style import FORMATS
from illusion_lib.report.tables import joined, table

if TYPE_CHECKING:
    from illusion_lib.report.start import Start

_NOTHING_LOST = "There is nothing to compare: this is the dense model itself."


def note(text: str) -> Html:
    """Return plain sentences: what follows from a table, or why there is nothing to show."""
    return Html(f"<p>{html.escape(text)}</p>")


def verdict_sentence(start: Start) -> Html:
    """Return the model's verdict, and the rule that gave it."""
    return Html(f'<p class="verdict">{html.escape(start.sentence())}</p>{rule().content}')


def rule() -> Html:
    """Return the rule of the verdict, step by step, folded away."""
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in divergence.Rule().text)
    return Html(
        '<details class="rule"><summary>The rule behind the verdict</summary>'
        f"<ol>{steps}</ol></details>"
    )


def accuracy_table(records: Records) -> Html:
    """Return accuracy with its interval for each pruning, language and format."""
    rows = divergence.accuracy(records)
    rows["text"] = [
        with_interval(a, low, high)
        for a, low, high in zip(rows["accuracy"], rows["low"], rows["high"], strict=True)
    ]
    index = ["label", "calibration_seed", "language"]
    wide = rows.pivot_table(
        index=index, columns="format", values="text", aggfunc="first", sort=False
    )
    formats = [name for name in FORMATS if name in wide.columns]
    shown = wide[formats].reset_index()
    draws = shown.pop("calibration_seed")
    if draws.nunique() > 1:
        shown.insert(1, "draw", draws)
    names = {"label": "pruning"} | {name: FORMATS[name].label for name in formats}
    questions = int(rows.loc[rows["language"] == ALL, "items"].max())
    caption = (
        f"Share of questions right, with 95 % intervals; {questions} questions in all. Over all "
        "languages, questions about one fact count as one cluster."
    )
    return table(shown, caption, dict.fromkeys(formats, str), names)


def flow(records: Records, cell: str) -> Exhibit | Html:
    """Return the flow of questions from dense to pruned, or a note on the dense page."""
    rows = divergence.transitions(divergence.pairs(divergence.outcomes(records)))
    rows = rows[rows["cell"] == cell]
    return note(_NOTHING_LOST) if rows.empty else figures.flow(rows)


def recovery(records: Records, cell: str) -> Exhibit | Html:
    """Return recovery beside the controls, or a note on the dense page."""
    rows = divergence.recovery(records)
    rows = rows[rows["cell"] == cell]
    return note(_NOTHING_LOST) if rows.empty else figures.recovery(rows)


def budget(records: Records, cell: str) -> Exhibit | Html:
    """Return how recovery grows with the number of tries, or a note on the dense page."""
    rows = divergence.budget_curve(records)
    rows = rows[rows["cell"] == cell]
    return note(_NOTHING_LOST) if rows.empty else figures.budget_curves(rows)


def ranks(records: Records, cell: str) -> Exhibit | Html:
    """Return the ranks of lost answers, or a note where there is none."""
    if cell == DENSE:
        return note(_NOTHING_LOST)
    return figures.rank_distribution(records, cell)


def lost_table(records: Records, cell: str, most: int = 12) -> Html:
    """Return the lost answers of a cell, or a note where there is none."""
    if cell == DENSE:
        return note(_NOTHING_LOST)
    rows = lost_examples(records, cell, most)
    if rows.empty:
        return note("No answer was lost to production only.")
    paired = divergence.pairs(divergence.outcomes(records))
    lost = paired[(paired["cell"] == cell) & (paired["flow"] == LOST)]
    caption = (
        f"{len(rows)} of {len(lost)} lost answers, each about another fact; brought back first, "
        "then by rank. Each question leads to its place in the explorer."
    )
    return examples_table(rows, caption)


_STATUS = {
    "equivalent": "formats agree",
    "illusion": "illusion",
    "reverse": "reverse",
    "collapsed": "collapsed",
    "undecided": "too few to tell",
    "unmeasurable": "not measurable",
}


_METHOD_STATUS = {"no_illusion": "no illusion found", "too_few": "too few to tell"}


def verdict_table(prunings: pd.DataFrame) -> Html:
    """Return what the rule says of each pruning.

    Parameters
    ----------
    prunings
        Result of `divergence.pruning_verdicts`.
    """
    shown = pd.DataFrame(
        {
            "pruning": prunings["label"],
            "picks": prunings["recognition"],
            "says": prunings["production"],
            "gap": [
                with_interval(g, low, high, signed)
                for g, low, high in zip(
                    prunings["gap"], prunings["low"], prunings["high"], strict=True
                )
            ],
            "p_illusion": prunings["p_illusion_holm"],
            "p_equivalent": prunings["p_equivalent"],
            "verdict": prunings["status"].map(_STATUS),
        }
    )
    names = {
        "gap": "gap [95 % interval]",
        "p_illusion": "p (no illusion)",
        "p_equivalent": "p (not equal)",
    }
    formats: dict[str, Format] = {"picks": share, "says": share, "gap": str}
    formats |= dict.fromkeys(("p_illusion", "p_equivalent"), p_value)
    caption = (
        "The verdict on each pruning. Small p-values speak against what stands in brackets; the "
        "first is corrected (Holm) over all prunings."
    )
    return table(shown, caption, formats, names)


def method_table(prunings: pd.DataFrame) -> Html:
    """Return what the rule says of each pruning method: up to where to trust it, and its gap.

    Parameters
    ----------
    prunings
        Result of `divergence.pruning_verdicts` for one model.
    """
    rows = divergence.method_verdicts(prunings)
    shown = pd.DataFrame(
        {
            "method": [method_label(series) for series in rows["series"]],
            "verdict": rows["verdict"].map(_STATUS | _METHOD_STATUS),
            "trusted_sparsity": rows["trusted_sparsity"],
            "illusion_sparsity": rows["illusion_sparsity"],
            "collapsed_sparsity": rows["collapsed_sparsity"],
            "quoted": rows["quoted_label"],
            "gap": joined(rows, "gap", signed),
        }
    )
    names = {
        "trusted_sparsity": "formats agree up to",
        "illusion_sparsity": "illusion from",
        "collapsed_sparsity": "collapsed from",
        "quoted": "gap at",
        "gap": "gap [95 % interval]",
    }
    sparsities = ("trusted_sparsity", "illusion_sparsity", "collapsed_sparsity")
    formats: dict[str, Format] = dict.fromkeys(sparsities, percent) | {"gap": str}
    caption = (
        "The verdict on each method: sparsities at which the rule says so, a dash where it never "
        "does, and the gap where the illusion begins (without one, at the sparsest pruning that "
        "still answers)."
    )
    return table(shown, caption, formats, names)


def excess_table(rows: pd.DataFrame) -> Html:
    """Return how much more often lost answers come back than questions failed in both formats.

    Parameters
    ----------
    rows
        Result of `divergence.excess_recovery`; shown is whether any probe succeeds.
    """
    rows = rows[(rows["probe"] == ANY) & (rows["control"] == NEITHER) & (rows["lost_items"] > 0)]
    if rows.empty:
        return note("No answer was lost to production only, so there is nothing to bring back.")
    shown = pd.DataFrame(
        {
            "pruning": rows["label"],
            "lost": [
                f"{share(r)} of {count(n)}"
                for r, n in zip(rows["lost_rate"], rows["lost_items"], strict=True)
            ],
            "controls": [
                f"{share(r)} of {count(n)}" if n else None
                for r, n in zip(rows["control_rate"], rows["control_items"], strict=True)
            ],
            "excess": [
                with_interval(e, low, high, signed)
                for e, low, high in zip(rows["excess"], rows["low"], rows["high"], strict=True)
            ],
            "p": rows["p_holm"],
        }
    )
    names = {"lost": "lost answers", "controls": "failed in both formats"}
    names |= {"excess": "difference [95 % interval]", "p": "p"}
    formats: dict[str, Format] = {"lost": str, "controls": str, "excess": str, "p": p_value}
    caption = (
        "Share brought back by beam search, sampling or one example, at the same budget. p is "
        "Fisher's exact test, corrected (Holm) over all probes and controls of a pruning; each "
        "pruning's own page shows these."
    )
    return table(shown, caption, formats, names)


def _typeset(text: str) -> str:
    """Return a sentence with true minus signs, and spaces before per cent that do not break."""
    return re.sub(r"(?<=\d)%", "\u00a0%", re.sub(r"(?<![\w-])-(?=\d)", "−", text))


def predictions_table(rows: pd.DataFrame) -> Html:
    """Return the predictions with their verdicts.

    Parameters
    ----------
    rows
        Result of `divergence.predictions`.
    """
    shown = pd.DataFrame(
        {
            "prediction": rows["claim"],
            "verdict": rows["verdict"],
            "numbers": [
                _typeset(str(numbers if pd.isna(reason) else reason))
                for numbers, reason in zip(rows["numbers"], rows["reason"], strict=True)
            ],
        }
    )
    return table(shown, "Predictions written down before any run, and what this run says of them.")
