"""How tables look: escaped text, right-aligned numbers of sensible length, a caption that says what."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from illusion_lib.report.escape import plain
from illusion_lib.report.exhibit import Html

MISSING = "–"
Format = Callable[[Any], str]


def share(value: float) -> str:
    """Return a share in [0, 1] with two digits: ``0.71``."""
    return f"{value:.2f}"


def signed(value: float) -> str:
    """Return a difference with its sign, a true minus, and two digits: ``−0.12``."""
    return f"{value:+.2f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")


def count(value: float) -> str:
    """Return a whole number with thin thousands: ``1 188``."""
    return f"{int(value):,}".replace(",", "\u202f")


def nats(value: float) -> str:
    """Return a log-probability with two digits and a true minus."""
    return f"{value:.2f}".replace("-", "−")


def p_value(value: float) -> str:
    """Return a p-value as it is read: ``0.012``, ``< 0.001``."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(low: float | None, high: float | None, number: Format = share) -> str:
    """Return ``[0.47, 0.70]``, or a dash where there is none."""
    if _absent(low) or _absent(high):
        return MISSING
    return f"[{number(low)}, {number(high)}]"


def with_interval(
    value: float | None, low: float | None, high: float | None, number: Format = share
) -> str:
    """Return ``0.59 [0.47, 0.70]``."""
    if _absent(value):
        return MISSING
    return f"{number(value)} {interval(low, high, number)}".removesuffix(f" {MISSING}")


def table(
    frame: pd.DataFrame,
    caption: str,
    formats: Mapping[str, Format] | None = None,
    names: Mapping[str, str] | None = None,
    markup: Mapping[str, Format] | None = None,
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
        Per column, a function that returns finished, escaped HTML. Other text is escaped here.

    Returns
    -------
    Html
    """
    formats, names, markup = formats or {}, names or {}, markup or {}
    head = "".join(
        f'<th scope="col"{_number(name in formats)}>{html.escape(str(names.get(name, name)))}</th>'
        for name in frame.columns
    )
    rows = []
    for values in frame.itertuples(index=False, name=None):
        cells = []
        for name, value in zip(frame.columns, values, strict=True):
            if _absent(value):
                text = MISSING
            elif name in markup:
                text = markup[name](value)
            else:
                text = html.escape(formats[name](value)) if name in formats else plain(value)
            cells.append(f"<td{_number(name in formats)}>{text}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return Html(
        f'<div class="data" tabindex="0"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _absent(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))
