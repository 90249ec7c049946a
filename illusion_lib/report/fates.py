"""The table of what became of the lost answers, and the rule that says so."""

from __future__ import annotations

import html

import pandas as pd

from illusion_lib import divergence
from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.fates import FATES
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import Format, absent, count, with_interval
from illusion_lib.report.tables import table


def fates_table(records: Records) -> Html:
    """Return how many lost answers are demoted, erased or undecided, with the rule folded away.

    Parameters
    ----------
    records
        Records of one model.
    """
    rows = divergence.fate_counts(records)
    totals = rows.drop_duplicates("cell").set_index("cell")
    shown = pd.DataFrame({"pruning": totals["label"], "lost": totals["total"]})
    for fate in FATES:
        own = rows[rows["fate"] == fate].set_index("cell").reindex(totals.index)
        shown[fate] = [
            count(n) + ("" if absent(s) else f" ({with_interval(s, low, high)})")
            for n, s, low, high in zip(
                own["items"], own["share"], own["low"], own["high"], strict=True
            )
        ]
    formats: dict[str, Format] = {"lost": count} | dict.fromkeys(FATES, str)
    caption = (
        "What became of the lost answers, one by one; shares with 95 % intervals. Outputs that "
        "collapsed (empty, a loop, the wrong language) are counted apart and are in no share."
    )
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in divergence.FateRule().text)
    rule = (
        '<details class="rule"><summary>The rule behind the words</summary>'
        f"<ul>{steps}</ul></details>"
    )
    return Html(table(shown, caption, formats).content + rule)
