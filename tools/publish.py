"""Put a built report into the folder that is published, and keep the runs published before.

    python tools/publish.py runs/quick/report/_build/html pages

The newest run is the site's root; every run also stays under ``runs/DATE-HASH/``, its permanent
link. The list of runs becomes links to those that are there.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from illusion_lib.report.history import HISTORY, read_history

RUNS = "runs"
_RUN = re.compile(r'<span data-run="([A-Za-z0-9.-]+)">(.*?)</span>', re.DOTALL)


def publish(site: Path, pages: Path) -> str:
    """Copy `site` into `pages` and return the run's permanent folder, relative to `pages`."""
    history = read_history(site / HISTORY)
    if not history:
        raise SystemExit(f"{site} has no {HISTORY}; build it with `illusion report`")
    run = history[-1].run
    for old in pages.iterdir() if pages.is_dir() else ():
        if old.name not in (RUNS, ".git"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    kept = pages / RUNS / run
    if kept.exists():
        shutil.rmtree(kept)
    shutil.copytree(site, kept)
    shutil.copytree(site, pages, dirs_exist_ok=True)
    (pages / ".nojekyll").touch()  # folders that begin with an underscore are published too
    known = {folder.name for folder in (pages / RUNS).iterdir()}
    # Every new page names its run; of earlier runs, only the list may name one that came later.
    new = [*(site / "book").rglob("*.html"), *site.glob("*.html")]
    changed = {root / page.relative_to(site) for page in new for root in (pages, kept)}
    changed |= {pages / RUNS / name / "book" / "history.html" for name in known}
    for page in sorted(changed):
        _link(page, pages, known)
    return f"{RUNS}/{run}"


def _link(page: Path, pages: Path, known: set[str]) -> None:
    """Turn the runs named on a page into links, where they are published."""
    if not page.is_file():
        return
    above = os.path.relpath(pages, page.parent)

    def linked(found: re.Match[str]) -> str:
        if found[1] not in known:
            return found[0]
        return f'<a href="{above}/{RUNS}/{found[1]}/index.html">{found[2]}</a>'

    page.write_text(_RUN.sub(linked, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    sys.stdout.write(publish(Path(sys.argv[1]), Path(sys.argv[2])) + "\n")
