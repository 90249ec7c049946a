"""Search, filter and sort every question of a run, in one table that needs no network."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from illusion_lib.report.escape import shorten, visible
from illusion_lib.report.examples import item_rows
from illusion_lib.report.exhibit import Html
from illusion_lib.report.figures.flow import OUTCOME_LABELS
from illusion_lib.report.numerals import absent, nats

_COLUMNS = {
    "language": "language",
    "label": "pruning",
    "question": "question",
    "gold": "right answer",
    "dense_said": "dense model says",
    "said": "pruned model says",
    "picked": "pruned model picks",
    "verdict": "outcome",
    "rank_dense": "rank, dense",
    "rank": "rank, pruned",
    "found_by": "brought back by",
    "options": "options and their log-probabilities",
    "item_id": "item",
    "model": "model",
}
_WIDE = ("options and their log-probabilities",)
_ONE_LINE = ("pruning", "outcome", "item", "model")
_LISTED = ("language", "pruning", "outcome", "model")


def explorer(records: pd.DataFrame) -> Html:
    """Return the table of every question under every pruning, with its script and style inside.

    Parameters
    ----------
    records
        Records of a whole study.

    Returns
    -------
    Html
        As of `explorer_table`.
    """
    return explorer_table(explorer_frame(records))


def explorer_table(frame: pd.DataFrame) -> Html:
    """Return the rows of `explorer_frame` as a table to search, filter and sort.

    Texts are shown literally; only the visible page of rows is in the document at a time, so that
    tens of thousands do not make it slow.
    """
    import itables.options as defaults
    from itables import to_html_datatable
    from itables.javascript import generate_init_offline_itables_html

    places = {name: place for place, name in enumerate(frame.columns)}
    body = to_html_datatable(
        frame,
        connected=False,
        allow_html=False,
        maxBytes=0,
        maxRows=0,
        showIndex=False,
        display_logo_when_loading=False,
        table_id="explorer",
        classes="display compact tex2jax_ignore",
        style="table-layout:auto;width:100%",
        deferRender=True,
        scrollX=True,
        autoWidth=False,
        pageLength=10,
        lengthMenu=[10, 25, 50, 100],
        columnControl=["order", ["search"]],
        columnDefs=[
            {
                "targets": [places[name] for name in _LISTED],
                "columnControl": ["order", ["searchList"]],
            },
            {"targets": [places[name] for name in _ONE_LINE], "className": "dt-nowrap"},
            {"targets": [places[name] for name in _WIDE], "width": "22rem"},
        ],
        ordering={"indicators": False, "handler": False},
        language={
            "search": "Search all columns:",
            "emptyTable": "No question matches.",
            "columnControl": {"dropdown": "Filter this column"},
        },
    )
    return Html(generate_init_offline_itables_html(defaults.dt_bundle) + body)


def explorer_frame(records: pd.DataFrame) -> pd.DataFrame:
    """Return the rows and columns of the explorer, as texts and whole numbers."""
    rows = item_rows(records)
    rows["verdict"] = [
        OUTCOME_LABELS[outcome] if absent(fate) else f"lost: {fate}"
        for outcome, fate in zip(rows["outcome"], rows["fate"], strict=True)
    ]
    rows["options"] = [
        _options(o, s) for o, s in zip(rows["options"], rows["log_probs"], strict=True)
    ]
    frame = rows[list(_COLUMNS)].rename(columns=_COLUMNS)
    for name in frame.columns:
        if not name.startswith("rank"):
            frame[name] = [shorten(visible("" if t is None else t), 300) for t in frame[name]]
    return frame


def _options(options: Any, scores: Any) -> str:
    if options is None or (isinstance(options, float) and math.isnan(options)):
        return ""
    pairs = sorted(zip(options, scores, strict=True), key=lambda pair: -pair[1])
    return "; ".join(f"{option} {nats(score)}" for option, score in pairs)
