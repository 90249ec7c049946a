"""Show untrusted text as text: model output may hold HTML, formulas or markup and must not act."""

from __future__ import annotations

import html
import re

# C0 and C1 controls, and the marks that reorder what follows; a reader could not see them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def visible(text: object) -> str:
    r"""Return `text` on one line, with control characters shown as escapes.

    >>> visible("a\nb\x07")
    'a ⏎ b\\x07'
    """
    joined = str(text).replace("\r\n", "\n").replace("\n", " ⏎ ")
    return _INVISIBLE.sub(lambda m: m[0].encode("unicode_escape").decode(), joined)


NOTHING = "(nothing)"  # what a model has said that ended at once


def shorten(text: str, longest: int) -> str:
    """Return `text` cut to `longest` characters, the last one an ellipsis if anything was cut."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def plain(text: object, longest: int = 400) -> str:
    """Return HTML that shows `text` literally: escaped, out of MathJax's reach, its own direction.

    ``<bdi>`` keeps a right-to-left answer from reordering the sentence around it.
    """
    shown = html.escape(shorten(visible(text), longest), quote=True)
    return f'<bdi class="tex2jax_ignore">{shown}</bdi>'


def attribute(text: object, longest: int = 400) -> str:
    """Return `text` for the inside of a double-quoted HTML attribute."""
    return html.escape(shorten(visible(text), longest), quote=True)
