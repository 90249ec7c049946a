"""`illusion sweep`: run a study, or print its plan and cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from illusion_lib.cli.console import (
    DeviceOption,
    StudyArgument,
    WorkersOption,
    cell_name,
    err_console,
    out_console,
)
from illusion_lib.errors import SpecError
from illusion_lib.specs import StudySpec

_LISTED = 100

if TYPE_CHECKING:
    from illusion_lib.runs.cost import CellCost
    from illusion_lib.runs.executors import Executor


def sweep(
    study: StudyArgument = "quick",
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and its cost; run nothing.")
    ] = False,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    executor: Annotated[
        str, typer.Option(help="local, ray (a cluster or this machine) or slurm.")
    ] = "local",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the executor, as gpus=1; repeat for several."),
    ] = None,
) -> None:
    """Run every cell of a study; finished cells are reused."""
    from illusion_lib.runs.executors import make_executor
    from illusion_lib.runs.studies import find_study

    spec = find_study(study)
    folder = out or Path("runs") / spec.name
    if dry_run:
        _print_plan(spec, folder)
    else:
        runner = make_executor(executor, workers, _settings(setting or []))
        sweep_into(spec, folder, device, runner)


def _settings(texts: list[str]) -> dict[str, str]:
    """Return KEY=VALUE texts as a mapping."""
    parted = {text: text.partition("=") for text in texts}
    for text, (key, mark, _) in parted.items():
        if not (key and mark):
            raise SpecError(f"--set {text!r} is not KEY=VALUE, as in --set gpus=1")
    return {key.strip(): value.strip() for key, _, value in parted.values()}


def _print_plan(spec: StudySpec, folder: Path) -> None:
    from illusion_lib.runs.cost import plan_costs
    from illusion_lib.runs.store import Store

    costs = plan_costs(spec.cells(), Store(folder))
    rows = _summed(costs) if len(costs) > _LISTED else _each(costs)
    table = Table(*rows[0], title=f"{spec.name}: {spec.title}")
    for row in rows:
        table.add_row(*row.values())
    out_console.print(table, markup=False)
    left = [c.seconds for c in costs if not c.finished and c.seconds is not None]
    unknown = sum(c.seconds is None for c in costs)
    text = f"{len(costs)} cells, {sum(c.finished for c in costs)} finished; "
    text += f"about {sum(left) / 60:,.1f} min to run on this machine"
    out_console.print(
        text + (f" and {unknown} cells of unknown cost" if unknown else ""), markup=False
    )


def _each(costs: list[CellCost]) -> list[dict[str, str]]:
    return [
        {
            "cell": cell_name(cost.spec),
            "task": cost.spec.task.name,
            "state": "finished" if cost.finished else "to run",
            "seconds": _seconds([cost]),
            "basis": "measured" if cost.measured else "estimated",
        }
        for cost in costs
    ]


def _summed(costs: list[CellCost]) -> list[dict[str, str]]:
    """Return one row for each model, method and task, of a study with more cells than one reads."""
    groups: dict[tuple[str, ...], list[CellCost]] = {}
    for cost in costs:
        kind = (cost.spec.model.slug, cost.spec.prune.method, cost.spec.task.name)
        groups.setdefault(kind, []).append(cost)
    return [
        {
            **dict(zip(("model", "method", "task"), kind, strict=True)),
            "cells": f"{len(group):,}",
            "finished": f"{sum(cost.finished for cost in group):,}",
            "seconds": _seconds(group),
        }
        for kind, group in groups.items()
    ]


def _seconds(costs: list[CellCost]) -> str:
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    return f"{sum(known):,.0f}" if len(known) == len(costs) else "unknown"


def sweep_into(spec: StudySpec, folder: Path, device: str, executor: Executor) -> None:
    """Run a study with progress shown; failed cells are named and make the status 1."""
    from illusion_lib.runs.display import display
    from illusion_lib.runs.store import Store
    from illusion_lib.runs.sweep import run_study

    with display(out_console) as shown:
        result = run_study(spec, Store(folder), device=device, executor=executor, watch=shown)
    failed: dict[str, list[str]] = {}  # a missing model fails all of its cells: say so once
    for cell, reason in result.failures:
        failed.setdefault(reason, []).append(cell_name(cell))
    for reason, names in failed.items():
        err_console.print(f"failed: {', '.join(names)}: {reason}", markup=False, highlight=False)
    out_console.print(f"{len(result.cells)} of {len(spec.cells())} cells in {folder}", markup=False)
    if result.failures:
        raise typer.Exit(1)
