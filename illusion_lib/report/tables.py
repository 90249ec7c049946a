"""How tables look: escaped text, right-aligned numbers, a caption that says what is shown."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from illusion_lib.escape import plain
from illusion_lib.report.exhibit import Html, item_link
from illusion_lib.report.numerals import MISSING, Format, absent, with_interval

_SHORT = 18


def table(
    frame: pd.DataFrame,
    caption: str,
    formats: Mapping[str, Format] | None = None,
    names: Mapping[str, str] | None = None,
    markup: Collection[str] = (),
    item: str | None = None,
) -> Html:
    """Return a data frame as an HTML table.

    Parameters
    ----------
    frame
        What to show; the index is left out.
    caption
        What the table says; plain text.
    formats
        Per column of numbers, how a value is written; such columns are right-aligned.
    names
        Per column, its heading; the column's name where it is not listed.
    markup
        Columns that hold finished, escaped HTML. All other text is escaped here.
    item
        Id of the one question that the table is about, if it is one; the caption leads to it.

    Returns
    -------
    Html
    """
    formats, names = formats or {}, names or {}
    head = "".join(
        f'<th scope="col"{_number(name in formats)}>{html.escape(str(names.get(name, name)))}</th>'
        for name in frame.columns
    )
    rows = []
    for values in frame.itertuples(index=False, name=None):
        cells = []
        for name, value in zip(frame.columns, values, strict=True):
            if absent(value):
                text = MISSING
            elif name in markup:
                text = str(value)
            else:
                text = html.escape(formats[name](value)) if name in formats else plain(value)
            cells.append(f"<td{_kind(name in formats, value)}>{text}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return framed(f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>", caption, item)


def joined(rows: pd.DataFrame, name: str, number: Format, prefix: str = "") -> list[Any]:
    """Return a number with its interval for each row; None where it is missing.

    Parameters
    ----------
    rows
        With a column `name`, and its limits in ``low`` and ``high`` behind `prefix`.
    name
        Which number.
    number
        How it is written.
    prefix
        Of the columns of the limits.
    """
    return [
        None if absent(value) else with_interval(value, low, high, number)
        for value, low, high in zip(
            rows[name], rows[f"{prefix}low"], rows[f"{prefix}high"], strict=True
        )
    ]


def framed(inside: str, caption: str, item: str | None = None) -> Html:
    """Return table rows (finished HTML) with a caption that stays put when the table scrolls."""
    words = html.escape(caption)
    words += f" {item_link(item, 'All about this question')}." if item is not None else ""
    return Html(
        f'<figure class="data"><div class="data-scroll" tabindex="0" role="region" '
        f'aria-label="table"><table>{inside}</table></div>'
        f'<figcaption class="tex2jax_ignore">{words}</figcaption></figure>'
    )


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _kind(is_number: bool, value: Any) -> str:
    """Return the class of a cell: numbers to the right, short words on one line."""
    short = not is_number and len(str(value)) <= _SHORT
    return ' class="short"' if short else _number(is_number)
