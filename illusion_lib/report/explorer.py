"""Search, filter and sort every question of a run, in one table that needs no network."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from illusion_lib.escape import NOTHING, shorten, visible
from illusion_lib.pruning.registry import DENSE
from illusion_lib.records import RECOGNITION, RECOVERY
from illusion_lib.report.examples import item_rows
from illusion_lib.report.exhibit import Html
from illusion_lib.report.figures.flow import OUTCOME_LABELS
from illusion_lib.report.figures.recovery import PROBE_LABELS
from illusion_lib.report.numerals import absent, nats

_COLUMNS = {
    "language": "language",
    "label": "pruning",
    "question": "question",
    "gold": "right answer",
    "dense_said": "dense model says",
    "said": "pruned model says",
    "dense_picked": "dense model picks",
    "picked": "pruned model picks",
    "verdict": "outcome",
    "rank_dense": "rank, dense",
    "rank": "rank, pruned",
    "found_by": "brought back by",
    "dense_options": "dense model's log-probabilities",
    "options": "pruned model's log-probabilities",
    "beam": f"{PROBE_LABELS['beam']} found",
    "sample": f"{PROBE_LABELS['sample']} found",
    "one_shot": f"{PROBE_LABELS['one_shot']}, found",
    "item_id": "item",
    "model": "model",
}
_WIDE = tuple(_COLUMNS[name] for name in ("dense_options", "options", *RECOVERY))
_ITEM = ["model", "language", "item_id"]
_LONGEST = 300
_LONGEST_OUTPUT = 60  # of a search's outputs, of which there are several
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
            "zeroRecords": "No question of this run matches.",
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
    gold = records[records["target"] == "gold"]
    rows = rows.merge(_dense_picks(gold), on=_ITEM, how="left")
    rows = rows.merge(_searches(gold), on=["cell", *_ITEM], how="left")
    for name in ("dense_said", "said"):
        rows[name] = [NOTHING if text == "" else text for text in rows[name]]
    frame = rows[list(_COLUMNS)].rename(columns=_COLUMNS)
    for name in frame.columns:
        if not name.startswith("rank"):
            texts = ["" if absent(text) else text for text in frame[name]]
            frame[name] = [shorten(visible(text), _LONGEST) for text in texts]
    return frame


def _dense_picks(gold: pd.DataFrame) -> pd.DataFrame:
    """Return what each dense model picks, and its log-probabilities in words."""
    rows = gold[(gold["probe"] == RECOGNITION) & (gold["method"] == DENSE)]
    scored = zip(rows["options"], rows["log_prob_sum"], strict=True)
    texts = [_options(options, scores) for options, scores in scored]
    return rows[_ITEM].assign(dense_picked=rows["output"], dense_options=texts)


def _searches(gold: pd.DataFrame) -> pd.DataFrame:
    """Return what each recovery probe found, in a column each: hits of tries, and the outputs."""
    rows = gold[gold["probe"].isin(RECOVERY)]
    texts = [
        _search(*found)
        for found in zip(rows["successes"], rows["tries"], rows["outputs"], strict=True)
    ]
    found = rows[["cell", *_ITEM, "probe"]].assign(text=texts)
    wide = found.pivot(index=["cell", *_ITEM], columns="probe", values="text")
    return wide.reindex(columns=list(RECOVERY)).reset_index()


def _search(successes: Any, tries: Any, outputs: Any) -> str:
    hits = "" if absent(successes) else f"{successes} of {tries} right"
    told = [] if outputs is None or isinstance(outputs, float) else outputs
    texts = (shorten(visible(text), _LONGEST_OUTPUT) or NOTHING for text in told)
    return ": ".join(part for part in (hits, "; ".join(texts)) if part)


def _options(options: Any, scores: Any) -> str:
    if options is None or (isinstance(options, float) and math.isnan(options)):
        return ""
    pairs = sorted(zip(options, scores, strict=True), key=lambda pair: -pair[1])
    return "; ".join(f"{option} {nats(score)}" for option, score in pairs)
