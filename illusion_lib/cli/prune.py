"""`illusion prune`: write a pruned checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from illusion_lib.cli.console import DeviceOption, ModelArgument, out_console
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec


def prune(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="New folder for the pruned checkpoint.")],
    method: Annotated[str, typer.Option(help="A pruning method.")] = "wanda",
    sparsity: Annotated[float, typer.Option(help="Share of weights set to zero, in [0, 1).")] = 0.0,
    pattern: Annotated[str | None, typer.Option(help="n:m, n weights kept of every m.")] = None,
    calibration: Annotated[str, typer.Option(help="self, or the path of a text file.")] = "self",
    samples: Annotated[int, typer.Option(help="Calibration windows.")] = 16,
    length: Annotated[int, typer.Option(help="Tokens per window.")] = 256,
    seed: Annotated[int, typer.Option(help="Calibration draw.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing folder.")] = False,
    device: DeviceOption = "auto",
) -> None:
    """Write a pruned checkpoint that transformers loads unchanged, with a model card."""
    from illusion_lib.runs.export import export_pruned

    spec = PruneSpec(method, sparsity, pattern)
    windows = CalibrationSpec(calibration, samples, length, seed)
    result = export_pruned(ModelSpec(model), spec, windows, out, force=force, device=device)
    out_console.print(
        f"{spec.label}: achieved sparsity {result.sparsity:.4f} in {out}", markup=False
    )
