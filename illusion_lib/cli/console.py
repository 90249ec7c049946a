"""Where the command line prints, and the arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from illusion_lib.specs import CellSpec

out_console = Console(soft_wrap=True)
err_console = Console(stderr=True, soft_wrap=True)

StudyArgument = Annotated[str, typer.Argument(help="Name of a shipped study, or a YAML file.")]
ModelArgument = Annotated[str, typer.Argument(help="Embedded name, hub id, folder or .gguf file.")]
WorkersOption = Annotated[
    int | None, typer.Option(help="Cells run at once; by default 1 with a GPU, else up to 2.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, or balanced.")]


def cell_name(cell: CellSpec) -> str:
    """Return a cell's name for a reader."""
    return f"{cell.model.slug} {cell.slug}"
