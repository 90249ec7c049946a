"""Say in a sentence, a table or a page how two sets of results on the same items differ."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd

from illusion_lib.divergence.compare import GAP_ROW
from illusion_lib.divergence.frames import ALL
from illusion_lib.records import PRODUCTION, RECOGNITION
from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import (
    MISSING,
    Format,
    absent,
    count,
    p_value,
    share,
    signed,
    with_interval,
)
from illusion_lib.report.tables import table

FORMAT_NAMES = {
    PRODUCTION: "says it (open answer)",
    "candidates": "says it, options shown",
    RECOGNITION: "picks it (multiple choice)",
    GAP_ROW: "picks minus says",
}
NAMES = {
    "accuracy_before": "A",
    "accuracy_after": "B",
    "difference": "B minus A [95 % interval]",
    "right_to_wrong": "right to wrong",
    "wrong_to_right": "wrong to right",
    "p_holm": "p (no change)",
    "p_equivalent": "p (not equal)",
}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 74rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
.data {{ margin: 1.5rem 0; }} .data-scroll {{ overflow-x: auto; }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #8886; text-align: left; }}
.number {{ text-align: right; white-space: nowrap; }} .short {{ white-space: nowrap; }}
figcaption {{ margin-top: .5rem; }}
</style>
<main><h1>{title}</h1><p>{sentence}</p>{table}</main></html>
"""


def shown_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a comparison that a reader needs, in reading order.

    Parameters
    ----------
    rows
        Result of `divergence.compare`.

    Returns
    -------
    DataFrame
        Finished texts where several numbers belong together; numbers elsewhere.
    """
    shown = rows[["language"]].assign(format=rows["format"].map(FORMAT_NAMES), items=rows["items"])
    for name in ("accuracy_before", "accuracy_after"):
        gap = rows["format"] == GAP_ROW
        shown[name] = [
            MISSING if absent(value) else (signed if is_gap else share)(float(value))
            for value, is_gap in zip(rows[name], gap, strict=True)
        ]
    shown["difference"] = [
        with_interval(value, low, high, signed)
        for value, low, high in zip(rows["difference"], rows["low"], rows["high"], strict=True)
    ]
    for name in ("right_to_wrong", "wrong_to_right", "p_holm", "p_equivalent"):
        shown[name] = rows[name]
    return shown


FORMATS: dict[str, Format] = {
    "items": count,
    "accuracy_before": str,
    "accuracy_after": str,
    "difference": str,
    "right_to_wrong": count,
    "wrong_to_right": count,
    "p_holm": p_value,
    "p_equivalent": p_value,
}


def told_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows of a language where there is no other."""
    whole = rows["language"] == ALL
    return rows[whole] if rows.loc[~whole, "language"].nunique() == 1 else rows


def terminal_rows(rows: pd.DataFrame, margin: float) -> tuple[list[str], list[list[str]], str]:
    """Return headings, rows and a key for a terminal of 80 columns.

    Parameters
    ----------
    rows
        Result of `divergence.compare`.
    margin
        Of the equivalence test.
    """
    rows = told_once(rows)
    shown = shown_rows(rows)
    heads = ["", "format", "n", "A", "B", "B − A [95 %]", "−/+", "p", "p≠"]
    lines = []
    for raw, row in zip(rows["format"], shown.to_dict("records"), strict=True):
        changed = [_text(row[name], count) for name in ("right_to_wrong", "wrong_to_right")]
        lines.append(
            [
                row["language"],
                "gap" if raw == GAP_ROW else raw,
                count(row["items"]),
                row["accuracy_before"],
                row["accuracy_after"],
                row["difference"],
                "" if changed == [MISSING, MISSING] else "/".join(changed),
                _text(row["p_holm"], p_value),
                _text(row["p_equivalent"], p_value),
            ]
        )
    key = (
        "gap: share picked minus share said. −/+: right to wrong, wrong to right. p: exact paired "
        "test of no change, Holm's correction over the languages. p≠: small if the change is "
        f"shown to be within ±{margin:.2f}."
    )
    return heads, lines, key


def _text(value: Any, number: Format) -> str:
    return MISSING if absent(value) else number(value)


def sentence(rows: pd.DataFrame) -> str:
    """Return what changed from A to B over all languages, as plain text."""
    whole = rows[rows["language"] == ALL]
    parts = [_clause(row) for row in whole.to_dict("records")]
    lacking = int(whole[["only_before", "only_after"]].fillna(0).to_numpy().sum())
    left_out = f" {count(lacking)} answers are in one set only and left out." if lacking else ""
    return "From A to B: " + "; ".join(parts) + "." + left_out


def _clause(row: dict[Any, Any]) -> str:
    name = FORMAT_NAMES[row["format"]]
    if absent(row["difference"]):
        return f"{name}, nothing to compare"
    found = with_interval(row["difference"], row["low"], row["high"], signed)
    return f"{name} {found} on {count(row['items'])} questions"


def comparison_table(rows: pd.DataFrame, before: str, after: str, margin: float) -> Html:
    """Return a comparison as an HTML table.

    Parameters
    ----------
    rows
        Result of `divergence.compare`.
    before, after
        Names of the two sets.
    margin
        Of the equivalence test.
    """
    caption = (
        f"A is {before}, B is {after}; the same questions in both. p (no change): exact paired "
        "test, corrected (Holm) over the languages of a format; small values speak for a change. "
        f"p (not equal): two one-sided tests; small values show that the change is within "
        f"±{margin:.2f}."
    )
    return table(shown_rows(told_once(rows)), caption, FORMATS, NAMES)


def comparison_page(rows: pd.DataFrame, before: str, after: str, margin: float) -> str:
    """Return a comparison as one HTML page that needs nothing else."""
    title = html.escape(f"{before} and {after} on the same questions")
    content = comparison_table(rows, before, after, margin).content
    return _PAGE.format(title=title, sentence=html.escape(sentence(rows)), table=content)
