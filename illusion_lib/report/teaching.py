"""Show a small matrix so that a reader can follow it by hand."""

from __future__ import annotations

import html

import numpy as np
from numpy.typing import ArrayLike

from illusion_lib.report.exhibit import Html
from illusion_lib.report.numerals import nats
from illusion_lib.report.tables import framed


def matrix(
    values: ArrayLike, caption: str, mark: ArrayLike | None = None, columns: str = "input"
) -> Html:
    """Return a matrix (rows, columns) as a table; marked entries are struck out.

    Parameters
    ----------
    values
        Numbers.
    caption
        What the matrix is.
    mark
        Boolean, same shape: which entries go.
    columns
        What a column stands for.
    """
    numbers = np.atleast_2d(np.asarray(values, dtype=np.float64))
    marked = np.zeros(numbers.shape, dtype=bool) if mark is None else np.asarray(mark, dtype=bool)
    head = "".join(
        f'<th scope="col" class="number">{html.escape(columns)} {j + 1}</th>'
        for j in range(numbers.shape[1])
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="number">{f"<s>{nats(x)}</s>" if gone else nats(x)}</td>'
            for x, gone in zip(row, gone_row, strict=True)
        )
        + "</tr>"
        for row, gone_row in zip(numbers, marked, strict=True)
    )
    return framed(f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>", caption)
