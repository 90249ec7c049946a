"""What the model gets right in each way of asking, and how often each gives a wrong answer."""

from __future__ import annotations

import pandas as pd

from illusion_lib import divergence
from illusion_lib.divergence.answers import Records
from illusion_lib.divergence.frames import ALL
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import Format, share
from illusion_lib.report.parts import note
from illusion_lib.report.tables import joined, table

_ASKED = {
    "open": "says it",
    "choice": "picks it",
    "letter": "picks its letter",
    "choices_only": "picks it, no question",
    "candidates": "says it, options shown",
    "shuffled": "the same, other orders",
    "gold_only": "only the answer shown",
    "gold_absent": "all but the answer shown",
}


def asking_table(records: Records) -> Html:
    """Return the share right for each way of asking that the study used.

    Parameters
    ----------
    records
        Records of one model.
    """
    rows = _overall(divergence.asking(records))
    if set(rows["probe"]) <= {"open", "choice", "candidates"}:
        return note(
            "This study asked in the three main ways only. A study whose probe names letter, "
            "choices_only, shuffled, gold_only or gold_absent shows them here."
        )
    shown = _wide(rows)
    labels = rows.drop_duplicates("cell").set_index("cell")["label"]
    agreement = rows[rows["agreement"].notna()].drop_duplicates("cell").set_index("cell")
    shown["agreement"] = agreement["agreement"].reindex(labels.index)
    moved = _overall(divergence.shift(records)).set_index("cell")
    if len(moved):
        shown["kl"] = moved["median"].reindex(labels.index)
    names = {**_ASKED, "agreement": "orders agree", "kl": "KL, nats"}
    formats: dict[str, Format] = dict.fromkeys(_ASKED, str) | {"agreement": share, "kl": share}
    caption = (
        "Share right for each way of asking, with 95 % intervals. What is picked without the "
        "question is what the options alone give away. Orders agree: how often the same option is "
        "named when the options change places. KL: median shift of the next token from the dense "
        "model's, a lower bound."
    )
    return table(shown, caption, formats, names)


def control_table(records: Records) -> Html:
    """Return how often each way of asking gives one wrong answer: the control.

    Parameters
    ----------
    records
        Records of one model.
    """
    rows = _overall(divergence.asking(records, target="distractor"))
    if not {"open", "choice"} <= set(rows["probe"]):
        return note(
            "These records are from before every way of asking had a control; run the study again "
            "to see how often a wrong answer is given."
        )
    caption = (
        "The control: share of the same answers that give one wrong answer, each question's first "
        "distractor, with 95 % intervals. A way of asking knows only as much as it gives the right "
        "answer more often than this one."
    )
    return table(_wide(rows), caption, dict.fromkeys(_ASKED, str), _ASKED)


def _overall(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["language"] == ALL]


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell and a column for each way of asking, with intervals."""
    text = rows.assign(text=joined(rows, "share", share))
    labels = rows.drop_duplicates("cell").set_index("cell")["label"]
    wide = text.pivot(index="cell", columns="probe", values="text")
    shown = wide.reindex(index=labels.index, columns=[n for n in _ASKED if n in wide])
    shown.insert(0, "pruning", labels)
    return shown
