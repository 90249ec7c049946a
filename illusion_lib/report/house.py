"""Which files the package has and which question each answers, read from the files themselves."""

from __future__ import annotations

import ast
import html
from pathlib import Path

import pandas as pd

from illusion_lib.report.exhibit import Html
from illusion_lib.report.tables import table

_PACKAGE = Path(__file__).resolve().parents[1]


def house() -> Html:
    """Return every room of the package, folded, with its files and their first lines."""
    rooms = [_PACKAGE, *sorted(path for path in _PACKAGE.iterdir() if any(path.glob("*.py")))]
    return Html("".join(_room(room) for room in rooms))


def questions(room: Path) -> dict[str, str]:
    """Return the first line of each file's docstring, by the file's place in the package.

    Parameters
    ----------
    room
        A folder of the package.
    """
    inside = room.rglob("*.py") if room != _PACKAGE else room.glob("*.py")
    found = {}
    for path in sorted(inside):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if said:
            found[path.relative_to(_PACKAGE).as_posix()] = said.splitlines()[0].rstrip(".")
    return found


def _room(room: Path) -> str:
    files = questions(room)
    name = "illusion_lib" if room == _PACKAGE else f"illusion_lib/{room.name}"
    shown = pd.DataFrame(
        {
            "file": [f"<code>{html.escape(file)}</code>" for file in files],
            "question": [html.escape(text) for text in files.values()],
        }
    )
    inside = table(
        shown, f"Each file's own first line; {len(files)} files.", markup=("file", "question")
    )
    return f"<details><summary><code>{name}</code></summary>{inside.content}</details>"
