"""`illusion status`: how far a study is, whoever runs it and wherever."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from illusion_lib.cli.console import StudyArgument, out_console
from illusion_lib.escape import visible


def status(
    study: StudyArgument = "quick",
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
) -> None:
    """Tell which cells are done, run, failed or wait."""
    from illusion_lib.runs.display import duration
    from illusion_lib.runs.status import study_status
    from illusion_lib.runs.store import Store
    from illusion_lib.runs.studies import find_study

    spec = find_study(study)
    folder = out or Path("runs") / spec.name
    found = study_status(spec, Store(folder))
    table = Table("cell", "state", "step", "on", "reason")
    for cell in found.cells:
        if cell.state in ("running", "failed"):
            last = cell.last
            step = f"{last.what} {last.done}/{last.total}" if last and last.total else ""
            host = last.host if last else ""
            table.add_row(*map(visible, (cell.name, cell.state, step, host, cell.reason)))
    if table.row_count:
        out_console.print(table, markup=False)
    counts = found.counts()
    parts = [f"{counts[state]} {state}" for state in ("done", "running", "failed", "waiting")]
    out_console.print(f"{folder}: {', '.join(parts)} of {len(found.cells)} cells", markup=False)
    if found.seconds_of_done:
        mean = sum(found.seconds_of_done) / len(found.seconds_of_done)
        speed = found.items / sum(found.seconds_of_done)
        text = f"a cell took {duration(mean)} on average, {speed:.2g} items/s in each process"
        if found.memory_bytes:
            text += f", up to {found.memory_bytes / 2**30:.1f} GiB"
        out_console.print(f"{text}; {counts['waiting']} cells wait", markup=False)
