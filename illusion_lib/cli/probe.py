"""`illusion probe`: put the ladder of questions to one checkpoint."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from illusion_lib.cli.budgeted import estimate_within
from illusion_lib.cli.console import DeviceOption, ModelArgument, cell_name, out_console
from illusion_lib.errors import SpecError
from illusion_lib.items.sources import FACTS, SOURCES
from illusion_lib.specs import CellSpec, ModelSpec, TaskSpec

if TYPE_CHECKING:  # pandas takes a while to import
    import pandas as pd


def probe(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    items: Annotated[
        str, typer.Option(help=f"{', '.join(SOURCES)}, or a .jsonl or .csv file of your own.")
    ] = FACTS,
    relation: Annotated[
        list[str] | None,
        typer.Option(help="What is asked for; repeat for several. facts: capital unless given."),
    ] = None,
    path: Annotated[
        Path | None, typer.Option(help="Folder of a public set's files; else from the hub.")
    ] = None,
    passage: Annotated[
        bool, typer.Option("--passage/--closed-book", help="Show xquad's and tydiqa's passages.")
    ] = True,
    language: Annotated[
        list[str] | None,
        typer.Option(help="Repeat for several. All of the set, of facts en and es, unless given."),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Items per language and relation.")] = None,
    budget: Annotated[
        float | None,
        typer.Option(help="Share of items answered in the open; the rest is estimated. 0.1, say."),
    ] = None,
    width: Annotated[
        float | None, typer.Option(help="With --budget: stop at an interval so narrow.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Put the whole ladder of questions to a checkpoint as it is, pruned or not."""
    from illusion_lib.runs.cell import run_cell
    from illusion_lib.runs.display import display
    from illusion_lib.runs.shared import Shared
    from illusion_lib.runs.store import RECORDS, Store

    folder = None if path is None else str(path)
    default = TaskSpec() if items == FACTS else TaskSpec(languages=(), relations=())
    languages = tuple(language or default.languages)
    relations = tuple(relation or default.relations)
    task = TaskSpec(items, languages, relations, limit, path=folder, passage=passage)
    if budget is not None:
        estimate_within(ModelSpec(model), task, out, budget, width, device)
        return
    if width is not None:
        raise SpecError("--width is for --budget, which names the share of items to generate")
    cell = CellSpec(ModelSpec(model), task=task)
    store = Store(out)
    with display(out_console) as shown:
        result = run_cell(
            cell, store, Shared(store, device), partial(shown.progress, cell_name(cell))
        )
    out_console.print(_table(result.records))
    out_console.print(f"records: {result.folder / RECORDS}", markup=False, highlight=False)


def _table(records: pd.DataFrame) -> Table:
    """Return how many items of each language and relation each probe got right."""
    judged = records[(records["target"] == "gold") & records["correct"].notna()]
    table = Table("language", "relation", "probe", "correct", "share")
    for (language, relation), items in judged.groupby(["language", "relation"], sort=False):
        labels = (escape(str(language)), escape(str(relation)))
        for name, rows in items.groupby("probe", sort=False):
            right = rows["correct"]
            count = f"{int(right.sum())} of {len(right)}"
            table.add_row(*labels, str(name), count, f"{right.mean():.2f}")
            labels = ("", "")  # named once
        table.add_section()
    return table
