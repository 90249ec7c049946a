"""`illusion probe --budget`: pick all, say some, and print what was measured and what estimated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from illusion_lib.cli.console import err_console, out_console
from illusion_lib.specs import ModelSpec, TaskSpec

if TYPE_CHECKING:
    from illusion_lib.runs.budgeted import Budgeted


def estimate_within(
    spec: ModelSpec, task: TaskSpec, out: Path, budget: float, width: float | None, device: str
) -> None:
    """Probe a model within a budget of generated items, and say what came of it."""
    from illusion_lib.models import load_model
    from illusion_lib.runs.budgeted import ESTIMATE, MEASURED, probe_within
    from illusion_lib.runs.plan import task_items

    items = task_items(task)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=err_console, transient=True, disable=not err_console.is_terminal
    ) as bars:
        bar = bars.add_task("load")
        found = probe_within(
            load_model(spec, device),
            items,
            budget,
            width,
            progress=lambda done, total, what: bars.update(
                bar, description=what, completed=done, total=total
            ),
        )
    found.write(out)
    out_console.print(_table(found))
    out_console.print(f"measured: {out / MEASURED}", markup=False, highlight=False)
    out_console.print(f"estimated: {out / ESTIMATE}", markup=False, highlight=False)


def _table(found: Budgeted) -> Table:
    said = found.production
    table = Table("", "what", "value", "basis", box=SIMPLE_HEAD, pad_edge=False)
    n, all_items = said.n_measured, f"all {said.n_items} items"
    some = f"{n} of {said.n_items} items, {found.generated_tokens} tokens generated"
    table.add_row("measured", "picks it (multiple choice)", f"{found.recognition:.3f}", all_items)
    table.add_row("measured", "says it, where asked", f"{found.generated_right} of {n}", some)
    gap, low, high = found.production.gap(found.recognition)
    sure = f"{said.level:.0%} interval"
    spoken = f"{said.estimate:.3f}  {said.low:.3f} to {said.high:.3f}"
    table.add_row("estimated", "says it, over all items", spoken, sure)
    table.add_row("estimated", "picks it - says it", f"{gap:+.3f}  {low:+.3f} to {high:+.3f}", sure)
    table.caption = (
        "The items asked are those whose answers multiple choice leaves open, not a picture of "
        f"all. As sure as the plain mean of {said.effective_size:.0f} random items would be."
    )
    return table
