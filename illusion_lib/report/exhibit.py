"""A figure or table as the report shows it: picture, caption that states the finding, alt text."""

from __future__ import annotations

import hashlib
import html
import io
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from illusion_lib.escape import attribute, plain
from illusion_lib.report.phone import FITS, narrow
from illusion_lib.report.style import INK, drawing

_REFERENCE = re.compile(r'(\bid="|url\(#|href="#)')
_SIZE = re.compile(r'<svg ([^>]*?)width="([\d.]+)pt" height="([\d.]+)pt"')
# Below the text is where a reader of any page finds the records it was computed from.
RECORDS_LINK = '<a href="#provenance">records</a>'


def item_link(item: str, text: str = "all about this question") -> str:
    """Return HTML that leads to a question's place in the explorer.

    Only in the book, where ``illusion.js`` makes a link of it; in Jupyter it is plain text.

    Parameters
    ----------
    item
        Its id.
    text
        The words of the link, shown literally.
    """
    return f'<span data-item="{attribute(item)}">{plain(text)}</span>'


@dataclass(frozen=True)
class Exhibit:
    """A figure with its words.

    Attributes
    ----------
    figure
        The drawing.
    caption
        The finding in a sentence, computed from the data that are drawn; plain text.
    alt
        What a reader who cannot see the drawing needs; plain text.
    n
        How many observations are drawn, in words: ``"80 items"``.
    stored
        Whether the page ends with the records it was drawn from; False of what a page simulates.
    item
        Id of the one question that is drawn, if it is one; the explorer opens on it.
    """

    figure: Figure
    caption: str
    alt: str
    n: str
    stored: bool = True
    item: str | None = None

    def svg(self, phone: bool = False) -> str:
        """Return the drawing as an SVG element that takes the page's text colour and width.

        Parameters
        ----------
        phone
            Whether it is laid out for a narrow screen.
        """
        buffer = io.StringIO()
        with drawing({"svg.hashsalt": self.caption}), ExitStack() as layout:
            if phone:
                layout.enter_context(narrow(self.figure))
            # Not `savefig`, which goes through the whole drawing once more to find the layout.
            canvas: Any = FigureCanvasSVG(self.figure)
            canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
        drawn = buffer.getvalue()
        drawn = drawn[drawn.index("<svg") :]
        digest = hashlib.sha256((self.caption + self.alt).encode()).hexdigest()[:8]
        prefix = ("p" if phone else "x") + digest  # ids are unique on a page that holds both forms
        drawn = _REFERENCE.sub(rf"\g<1>{prefix}-", drawn)
        drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
        drawn = drawn.replace(INK, "currentColor")
        # Without the book's style sheet, as in Jupyter, only the form for a desk is seen.
        form, seen = ("for-phone", "display:none;") if phone else ("for-desk", "")
        return _SIZE.sub(
            lambda m: (
                f'<svg class="{form}" role="img" aria-label="{attribute(self.alt, 2000)}" '
                f'style="{seen}width:100%;max-width:{float(m[2]):.0f}pt;height:auto" {m[1]}'
            ),
            drawn,
            count=1,
        )

    def save(self, path: Path | str) -> None:
        """Write the drawing on white, in the format that the suffix names."""
        self.figure.savefig(path, facecolor="white", dpi=200)

    def _repr_html_(self) -> str:
        """Return what a notebook and the book show: in a form for phones too where it is wide."""
        source = f"; {RECORDS_LINK}" if self.stored else ""
        source += f"; {item_link(self.item)}" if self.item is not None else ""
        forms = (False, True) if self.figure.get_figwidth() > FITS else (False,)
        drawings = "".join(self.svg(phone) for phone in forms)
        return (
            f'<figure class="exhibit"><div class="exhibit-picture">{drawings}</div>'
            f'<figcaption class="tex2jax_ignore">{html.escape(self.caption)} '
            f'<span class="exhibit-n">n = {html.escape(self.n)}{source}.</span>'
            "</figcaption></figure>"
        )


@dataclass(frozen=True)
class Html:
    """A finished piece of HTML for a notebook to show; whoever makes one has escaped its text."""

    content: str

    def _repr_html_(self) -> str:
        return self.content
