"""The table of what the model gets right in each way of asking."""

from __future__ import annotations

import pandas as pd

from illusion_lib import divergence
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


def asking_table(records: pd.DataFrame) -> Html:
    """Return the share right for each way of asking that the study used.

    Parameters
    ----------
    records
        Records of one model.
    """
    rows = divergence.asking(records)
    rows = rows[rows["language"] == ALL]
    if set(rows["probe"]) <= {"open", "choice", "candidates"}:
        return note(
            "This study asked in the three main ways only. A study whose probe names letter, "
            "choices_only, shuffled, gold_only or gold_absent shows them here."
        )
    rows["text"] = joined(rows, "share", share)
    asked = [name for name in _ASKED if name in set(rows["probe"])]
    wide = rows.pivot(index="cell", columns="probe", values="text")
    labels = rows.drop_duplicates("cell").set_index("cell")["label"]
    shown = wide.reindex(index=labels.index, columns=asked)
    shown.insert(0, "pruning", labels)
    agreement = rows[rows["agreement"].notna()].drop_duplicates("cell").set_index("cell")
    shown["agreement"] = agreement["agreement"].reindex(labels.index)
    moved = divergence.shift(records)
    moved = moved[moved["language"] == ALL].set_index("cell")
    if len(moved):
        shown["kl"] = moved["median"].reindex(labels.index)
    names = {**_ASKED, "agreement": "orders agree", "kl": "KL, nats"}
    formats: dict[str, Format] = dict.fromkeys(asked, str) | {"agreement": share, "kl": share}
    caption = (
        "Share right for each way of asking, with 95 % intervals. What is picked without the "
        "question is what the options alone give away. Orders agree: how often the same option is "
        "named when the options change places. KL: median shift of the next token from the dense "
        "model's, a lower bound."
    )
    return table(shown, caption, formats, names)
