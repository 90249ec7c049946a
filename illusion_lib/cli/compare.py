"""`illusion compare`: the paired comparison of two sets of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from illusion_lib.cli.console import out_console

_WORDS = 2  # the first columns hold words, the others numbers


def compare(
    before: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="A .parquet, .csv or .jsonl of results, a finished cell's folder, or a folder of "
            "lm-evaluation-harness sample logs.",
        ),
    ],
    after: Annotated[Path, typer.Argument(metavar="B", help="The same of the other model.")],
    shape: Annotated[
        Literal["table", "json", "html"], typer.Option("--format", help="What is printed.")
    ] = "table",
    metric: Annotated[
        str | None, typer.Option(help="Of the harness's logs; acc, acc_norm or exact_match.")
    ] = None,
    margin: Annotated[float, typer.Option(help="Largest change that does not matter.")] = 0.10,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> None:
    """Compare two sets of answers to the same questions, item by item."""
    from illusion_lib import divergence
    from illusion_lib.report import comparison

    rows = divergence.compare(
        divergence.read_results(before, metric),
        divergence.read_results(after, metric),
        margin=margin,
        seed=seed,
    )
    if shape == "json":
        content = {
            "before": str(before),
            "after": str(after),
            "margin": margin,
            "seed": seed,
            "rows": json.loads(rows.to_json(orient="records")),
        }
        out_console.print_json(json.dumps(content))
    elif shape == "html":
        page = comparison.comparison_page(rows, _name(before), _name(after), margin)
        typer.echo(page, nl=False)
    else:
        heads, lines, key = comparison.terminal_rows(rows, margin)
        table = Table(
            title=f"A: {escape(str(before))}\nB: {escape(str(after))}",
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
        )
        for place, head in enumerate(heads):
            table.add_column(head, justify="left" if place < _WORDS else "right", no_wrap=True)
        for line in lines:
            table.add_row(*map(escape, line))
        out_console.print(table)
        out_console.print(f"{comparison.sentence(rows)}\n{key}", markup=False, highlight=False)


def _name(results: Path) -> str:
    """Return how a page calls a set of results: a cell's folder does not name its model."""
    cell = (results / "records.parquet").exists()
    return "/".join(results.resolve().parts[-2:]) if cell else results.name
