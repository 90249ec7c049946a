"""What is mended in a page that the book builder wrote: spaces, requests and nameless buttons."""

from __future__ import annotations

import html
import re
from pathlib import Path

# Scripts, code and tags are left as they are; between them a space before per cent must not break.
_SPACE = re.compile(
    r"<(script|style|pre|code|textarea)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>|(?<=\d) (?=%)",
    re.DOTALL | re.IGNORECASE,
)
# The theme asks for its icons' fonts beforehand, in a way that browsers refuse from a disk; the
# icons are drawn by its script.
_FONT = re.compile(r'<link rel="preload" as="font"[^>]*>\s*')
# The buttons that unfold a part of the menu show an arrow only.
_BUTTON = re.compile(
    r'(<a\b[^>]*>(?P<page>[^<]*)</a><details[^>]*><summary)(?=><span class="toctree-toggle")'
)


def polished(page: str) -> str:
    r"""Return a page's HTML with unbreakable ``30 %``, named buttons and no fonts asked for early.

    >>> polished('<p title="30 %">at 30 % <code>30 %</code></p>')
    '<p title="30 %">at 30\xa0% <code>30 %</code></p>'
    """
    without = _BUTTON.sub(_named, _FONT.sub("", page))
    return _SPACE.sub(lambda found: "\u00a0" if found[0] == " " else found[0], without)


def _named(button: re.Match[str]) -> str:
    """Name a button of the menu after the page above it, for who cannot see where it stands."""
    above = html.escape(html.unescape(button["page"]).strip())
    return f'{button[1]} aria-label="Pages below {above}"'


def polish(folder: Path) -> None:
    """Mend every page of a built site in place."""
    for path in sorted(folder.rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        mended = polished(page)
        if mended != page:
            path.write_text(mended, encoding="utf-8")
