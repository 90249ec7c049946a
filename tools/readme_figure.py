"""Put the headline of a finished study into the README: figure, verdict, and where it comes from.

    python tools/readme_figure.py runs/quick

Everything between the two markers of README.md is replaced, so no number there is typed by hand.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from illusion_lib import divergence
from illusion_lib.report import figures
from illusion_lib.report.start import Start
from illusion_lib.runs import load_study

ROOT = Path(__file__).parents[1]
FIGURE = ROOT / "book" / "_static" / "headline.png"
BEGIN, END = "<!-- headline: begin -->", "<!-- headline: end -->"


def main(folder: str) -> None:
    """Write the figure and the README's block."""
    result = load_study(folder)
    records = result.records
    exhibit = figures.accuracy(divergence.accuracy(records))
    exhibit.save(FIGURE)
    manifest = result.cells[0].manifest
    items = records.groupby("language")["item_id"].nunique()
    asked = ", ".join(f"{count} in {language}" for language, count in items.items())
    block = f"""{BEGIN}
![{exhibit.alt}]({FIGURE.relative_to(ROOT)})

> {Start(records).sentence()}

Computed by `make report` from {len(result.cells)} cells ({asked}; {manifest.device},
{manifest.dtype}; torch {manifest.versions["torch"]}). {manifest.checkpoint_note}
{END}"""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    readme.write_text(pattern.sub(lambda _: block, text), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
