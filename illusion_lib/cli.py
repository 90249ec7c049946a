"""The command `illusion`: models, prune, probe, sweep, anchors, report."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from illusion_lib import __version__
from illusion_lib.errors import IllusionError, SpecError
from illusion_lib.specs import CalibrationSpec, CellSpec, ModelSpec, PruneSpec, StudySpec, TaskSpec

app = typer.Typer(
    help="Find out what a compressed language model can still do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_INTERRUPTED = 130
_out = Console(soft_wrap=True)
_err = Console(stderr=True, soft_wrap=True)

StudyArgument = Annotated[str, typer.Argument(help="Name of a shipped study, or a YAML file.")]
ModelArgument = Annotated[str, typer.Argument(help="Embedded name, hub id, folder or .gguf file.")]
WorkersOption = Annotated[
    int | None, typer.Option(help="Cells run at once; by default 1 with a GPU, else up to 2.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, or balanced.")]


def main() -> None:
    """Run the command line; a refusal is one line on stderr and status 2."""
    try:
        app()
    except IllusionError as error:
        _err.print(f"error: {error}", markup=False, highlight=False)
        sys.exit(2)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer has turned Ctrl-C into this status
            _err.print("stopped: what is finished is kept; the same command goes on from there")
        raise


def _version(wanted: bool) -> None:
    if wanted:
        _out.print(f"illusion {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def models() -> None:
    """List the models that need no hub, and whether they are ready."""
    from illusion_lib.checkpoints import EMBEDDED, TINY, is_at_hand

    table = Table("model", "package", "ready", "note")
    for name, model in EMBEDDED.items():
        ready = "yes" if is_at_hand(ModelSpec(name)) else "fetched on first use"
        table.add_row(name, f"{model.package} {model.version}", ready, model.note)
    table.add_row(TINY, "-", "yes", "A random model for tests.")
    _out.print(table)
    _out.print("Any hub id (owner/name), local folder or .gguf file works as well.")


@app.command()
def sweep(
    study: StudyArgument = "quick",
    out: Annotated[Path | None, typer.Option(help="Folder of the results.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and its cost; run nothing.")
    ] = False,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
) -> None:
    """Run every cell of a study; finished cells are reused."""
    from illusion_lib.runs.studies import find_study

    spec = find_study(study)
    folder = out or Path("runs") / spec.name
    if dry_run:
        _print_plan(spec, folder)
    else:
        _sweep(spec, folder, device, workers)


@app.command()
def report(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of a sweep; with --model, a new one.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Sweep this model first, with the questions of --study.")
    ] = None,
    study: Annotated[str, typer.Option(help="With --model: the study to take over.")] = "quick",
    site: Annotated[Path | None, typer.Option(help="Where to build; FOLDER/report.")] = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
) -> None:
    """Render a finished sweep into an HTML book, or sweep and render a model of yours."""
    from illusion_lib.report.book import build_report

    if model is not None:
        spec = _study_of(model, study)
        folder = folder or Path("runs") / spec.name
        _sweep(spec, folder, device, workers)
    if folder is None:
        raise SpecError("name the folder of a finished sweep, or a model with --model")
    target = site or folder / "report"
    index = build_report(folder, target, progress=_say)
    _out.print(f"report: {index}", markup=False, highlight=False)


@app.command()
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
    _out.print(f"{spec.label}: achieved sparsity {result.sparsity:.4f} in {out}", markup=False)


@app.command()
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
    from illusion_lib.runs.cell import Shared, run_cell
    from illusion_lib.runs.display import display
    from illusion_lib.runs.store import RECORDS, Store

    folder = None if path is None else str(path)
    task = TaskSpec(items, tuple(language or ()), (), limit, path=folder, passage=passage)
    cell = CellSpec(ModelSpec(model), task=task)
    store = Store(out)
    with display(_out) as shown:
        result = run_cell(cell, store, Shared(store, device), partial(shown.on_step, cell))
    table = Table("probe", "items", "correct")
    for name, rows in result.records.query("target == 'gold'").groupby("probe", sort=False):
        judged = rows["correct"].dropna()
        if len(judged):
            table.add_row(str(name), str(len(judged)), f"{judged.mean():.2f}")
    _out.print(table)
    _out.print(f"records: {result.folder / RECORDS}", markup=False, highlight=False)


def _say(what: str, done: int, total: int) -> None:
    _out.print(f"{what} {done}/{total}", markup=False, highlight=False)


def _study_of(model: str, study: str) -> StudySpec:
    """Return a study's questions and prunings for one other model."""
    from illusion_lib.runs.studies import find_study

    base, spec = find_study(study), ModelSpec(model)
    return replace(
        base, name=f"{base.name}-{spec.slug}"[:64], title=f"{model}: {base.name}", models=(spec,)
    )


def _print_plan(spec: StudySpec, folder: Path) -> None:
    from illusion_lib.runs.cost import plan_costs
    from illusion_lib.runs.store import Store

    costs = plan_costs(spec.cells(), Store(folder))
    table = Table("cell", "task", "state", "seconds", "basis", title=f"{spec.name}: {spec.title}")
    for cost in costs:
        seconds = "unknown" if cost.seconds is None else f"{cost.seconds:,.0f}"
        state = "finished" if cost.finished else "to run"
        basis = "measured" if cost.measured else "estimated"
        table.add_row(_name(cost.spec), cost.spec.task.name, state, seconds, basis)
    _out.print(table)
    left = [c.seconds for c in costs if not c.finished and c.seconds is not None]
    unknown = sum(c.seconds is None for c in costs)
    text = f"{len(costs)} cells, {sum(c.finished for c in costs)} finished; "
    text += f"about {sum(left) / 60:,.1f} min to run on this machine"
    _out.print(text + (f" and {unknown} cells of unknown cost" if unknown else ""), markup=False)


def _name(cell: CellSpec) -> str:
    return f"{cell.model.slug} {cell.slug}"


def _sweep(spec: StudySpec, folder: Path, device: str, workers: int | None) -> None:
    from illusion_lib.runs.display import display
    from illusion_lib.runs.store import Store
    from illusion_lib.runs.sweep import run_study
    from illusion_lib.runs.workers import usual_workers

    with display(_out) as shown:
        result = run_study(
            spec,
            Store(folder),
            device=device,
            workers=workers or usual_workers(),
            on_step=shown.on_step,
            on_done=shown.on_done,
        )
    for cell, reason in result.failures:
        _err.print(f"failed: {_name(cell)}: {reason}", markup=False, highlight=False)
    _out.print(f"{len(result.cells)} of {len(spec.cells())} cells in {folder}", markup=False)
    if result.failures:
        raise typer.Exit(1)
