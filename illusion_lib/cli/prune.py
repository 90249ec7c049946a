"""`illusion prune`: write a pruned checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from illusion_lib.cli.console import DeviceOption, ModelArgument, err_console, out_console
from illusion_lib.errors import SpecError
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs import CalibrationSpec, ModelSpec, PruneSpec

_SOURCES = "self, a .txt, .jsonl or .npy file, c4, or hub:owner/name/file."


def prune(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="New folder for the pruned checkpoint.")],
    method: Annotated[str, typer.Option(help=f"{', '.join(METHODS)}.")] = "wanda",
    sparsity: Annotated[
        float | None, typer.Option(help="Share of weights set to zero, in [0, 1).")
    ] = None,
    pattern: Annotated[str | None, typer.Option(help="n:m, n weights kept of every m.")] = None,
    statistics: Annotated[str, typer.Option(help="sequential or one_pass.")] = "sequential",
    calibration: Annotated[str, typer.Option(help=_SOURCES)] = "self",
    language: Annotated[
        list[str] | None, typer.Option(help="Language of self-sampled text; may be repeated.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Calibration windows.")] = 16,
    length: Annotated[int, typer.Option(help="Tokens per window.")] = 256,
    seed: Annotated[int, typer.Option(help="Calibration draw.")] = 0,
    perplexity: Annotated[
        str,
        typer.Option(help="Text to measure it on: self (held-out), a text or .jsonl file, hub:..."),
    ] = "self",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing folder.")] = False,
    device: DeviceOption = "auto",
    stream: Annotated[
        bool, typer.Option("--stream", help="Bring one block at a time to the device.")
    ] = False,
) -> None:
    """Write a pruned checkpoint that transformers loads unchanged, with a model card.

    A run that was killed goes on at the next block when it is started again.
    """
    from illusion_lib.runs.export import export_pruned

    if sparsity is None and pattern is None and method in METHODS and METHODS[method].sparsifies:
        raise SpecError(f"how much is {method} to prune? Add --sparsity 0.5 or --pattern 2:4")
    spec = PruneSpec(method, sparsity or 0.0, pattern, statistics)  # type: ignore[arg-type]  # any str: the spec refuses wrong ones
    windows = CalibrationSpec(calibration, samples, length, seed, tuple(language or ()))
    with _bar() as show:
        done = export_pruned(
            ModelSpec(model),
            spec,
            windows,
            out,
            text=perplexity,
            force=force,
            device=device,
            stream=stream,
            progress=show,
        )
    out_console.print(
        f"{spec.label}: achieved sparsity {done.report.sparsity:.4f}, perplexity "
        f"{done.dense.value:.2f} dense, {done.pruned.value:.2f} pruned "
        f"({done.dense.windows} windows of {done.dense.length} tokens) in {out}",
        markup=False,
    )
    for note in done.report.notes:
        out_console.print(f"{note}: see {out / 'README.md'}", markup=False)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show the step, the blocks done and the time left, in a terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=err_console, transient=True, disable=not err_console.is_terminal
    ) as bars:
        task = bars.add_task("")
        step = ""

        def show(what: str, done: int, total: int) -> None:
            nonlocal step
            if what != step:  # time left counts from the step's own start
                bars.reset(task)
                step = what
            bars.update(task, description=what, completed=done, total=total)

        yield show
