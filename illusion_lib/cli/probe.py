"""`illusion probe`: put the ladder of questions to one checkpoint."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from illusion_lib.cli.console import DeviceOption, ModelArgument, cell_name, out_console
from illusion_lib.specs import CellSpec, ModelSpec, TaskSpec


def probe(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    items: Annotated[
        str, typer.Option(help="facts, xquad, tydiqa, truthfulqa, or a .jsonl or .csv file.")
    ] = "facts",
    path: Annotated[
        Path | None, typer.Option(help="Folder of a public set's files; else from the hub.")
    ] = None,
    passage: Annotated[
        bool, typer.Option("--passage/--closed-book", help="Show xquad's and tydiqa's passages.")
    ] = True,
    language: Annotated[list[str] | None, typer.Option(help="Repeat for several.")] = None,
    limit: Annotated[int | None, typer.Option(help="Items per language.")] = None,
    device: DeviceOption = "auto",
) -> None:
    """Put the whole ladder of questions to a checkpoint as it is, pruned or not."""
    from illusion_lib.runs.cell import run_cell
    from illusion_lib.runs.display import display
    from illusion_lib.runs.shared import Shared
    from illusion_lib.runs.store import RECORDS, Store

    folder = None if path is None else str(path)
    task = TaskSpec(items, tuple(language or ()), (), limit, path=folder, passage=passage)
    cell = CellSpec(ModelSpec(model), task=task)
    store = Store(out)
    with display(out_console) as shown:
        result = run_cell(
            cell, store, Shared(store, device), partial(shown.progress, cell_name(cell))
        )
    table = Table("probe", "items", "correct")
    for name, rows in result.records.query("target == 'gold'").groupby("probe", sort=False):
        judged = rows["correct"].dropna()
        if len(judged):
            table.add_row(str(name), str(len(judged)), f"{judged.mean():.2f}")
    out_console.print(table)
    out_console.print(f"records: {result.folder / RECORDS}", markup=False, highlight=False)
