"""Whether a built site would load anything from another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from illusion_lib.errors import ReportError

# A page may link anywhere, but must load nothing from elsewhere.
_LOADS = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|srcset|data)="
    r"[\"'](?:https?:)?//[^\"']+|<link\b(?![^>]*rel=[\"'](?:canonical|license|search)[\"'])"
    r"[^>]*?\bhref=[\"'](?:https?:)?//[^\"']+",
    re.IGNORECASE,
)


def external_loads(html: Path) -> Iterator[str]:
    """Yield what a page would load from another host."""
    for found in _LOADS.finditer(html.read_text(encoding="utf-8", errors="replace")):
        yield " ".join(found[0].split())[:200]


def check_offline(folder: Path) -> None:
    """Refuse a site of which a page would load something from another host.

    Raises
    ------
    ReportError
        Names the page and what it loads.
    """
    for page in sorted(folder.rglob("*.html")):
        for found in external_loads(page):
            raise ReportError(f"{page.relative_to(folder)} loads from another host: {found}")
