"""`illusion anchors`: choose a few items, estimate a score from them, judge who estimates best."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from illusion_lib.cli.console import err_console, out_console
from illusion_lib.errors import AnchorError

if TYPE_CHECKING:  # pandas and scipy take a while to import
    import pandas as pd

    from illusion_lib.anchors import ResponseMatrix

anchors = typer.Typer(
    help="Estimate a full score from a few items: choose, answer, estimate.",
    no_args_is_help=True,
)

MatrixArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MATRIX",
        help="Other models' answers: an .npz, .csv or .parquet, a finished sweep's folder, or a "
        "folder of logs of lm-evaluation-harness, lighteval or inspect_ai.",
    ),
]
MetricOption = Annotated[str | None, typer.Option(help="Of logs: which metric or scorer.")]
ProbeOption = Annotated[
    str, typer.Option(help="Of a sweep: whose answers; open, candidates or choice.")
]
LevelOption = Annotated[float, typer.Option(help="Nominal coverage of the intervals.")]


@anchors.command()
def choose(
    matrix: MatrixArgument,
    out: Annotated[Path, typer.Option(help="New file for the choice, .json.")],
    n: Annotated[int, typer.Option("--n", help="How many items.")] = 50,
    estimator: Annotated[
        str, typer.Option(help="Who chooses and reads; best-shift for models unlike the matrix's.")
    ] = "best",
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    metric: MetricOption = None,
    probe: ProbeOption = "open",
) -> None:
    """Choose the items that a new model is to answer, all at once.

    With at most 40 items, asking in turn errs less: see anchors.best and its ask in Python.
    """
    from illusion_lib.anchors.chosen import choose_anchors, describe
    from illusion_lib.runs.atomic import new_file, write_json

    if out.exists():
        raise AnchorError(f"{out} exists; name a new file")
    known = choose_anchors(_read(matrix, metric, probe), estimator, n, seed)
    with new_file(out) as file:
        write_json(file, asdict(describe(known, estimator, matrix, metric, probe)))
    for note in known.fitted.notes_:
        err_console.print(f"note: {note}", markup=False, highlight=False)
    out_console.print(
        f"{n} of {len(known.matrix.items)} items in {out}; run a new model on these only, then: "
        f"illusion anchors estimate {out} ANSWERS",
        markup=False,
        highlight=False,
    )


@anchors.command()
def estimate(
    choice: Annotated[Path, typer.Argument(metavar="CHOICE", help="What `choose` wrote.")],
    answers: Annotated[
        Path,
        typer.Argument(metavar="ANSWERS", help="New models' answers, in any form of a MATRIX."),
    ],
    level: LevelOption = 0.9,
    shift: Annotated[
        bool, typer.Option("--shift", help="Models unlike all of the matrix: a wider interval.")
    ] = False,
    matrix: Annotated[
        Path | None, typer.Option(help="Where the matrix lies now, if it has moved.")
    ] = None,
    metric: MetricOption = None,
    probe: ProbeOption = "open",
    out: Annotated[Path | None, typer.Option(help="Also write the estimates, .csv.")] = None,
) -> None:
    """Estimate full scores from answers to the chosen items.

    The estimator is fitted again from the matrix, which takes seconds; nothing but text is kept.
    """
    import numpy as np

    from illusion_lib.anchors.chosen import answers_on, read_choice, restore
    from illusion_lib.runs.atomic import new_file

    about = read_choice(choice)
    source = matrix or Path(about.matrix)
    known = restore(about, _read(source, about.metric, about.probe))
    given = _read(answers, metric, probe)
    held = answers_on(given, known.items)
    if gaps := int(np.isnan(held).sum()):
        err_console.print(f"note: {gaps} missing answers were filled by item and model effects")
    table = known.estimates(given.models, held, level, shift)
    shown = Table("model", "estimate", f"{level:.0%} interval", f"mean of the {len(known.items)}")
    for row in table.to_dict("records"):
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        name = escape(str(row["model"]))
        shown.add_row(name, f"{row['estimate']:.3f}", interval, f"{row['mean']:.3f}")
    out_console.print(shown)
    if out is not None:
        with new_file(out) as file:
            table.to_csv(file, index=False)


@anchors.command()
def study(
    matrix: MatrixArgument,
    out: Annotated[Path, typer.Option(help="Folder of the results; goes on where it stopped.")],
    n: Annotated[list[int] | None, typer.Option("--n", help="Numbers of anchors.")] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="random, clone_free, family, extrapolation or leave_one_out; repeat."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Draws of the split.")] = 5,
    estimator: Annotated[
        list[str] | None, typer.Option(help="Only these, and the simple baselines; repeat.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out what takes minutes a fit (SparseEval).")
    ] = False,
    level: LevelOption = 0.9,
    intervals: Annotated[
        bool, typer.Option("--intervals/--no-intervals", help="They refit several times.")
    ] = True,
    metric: MetricOption = None,
    probe: ProbeOption = "open",
) -> None:
    """Judge every estimator on the same splits, on models it has not seen."""
    from illusion_lib.report.anchor_study import draw, plan, run, summary

    held = _read(matrix, metric, probe)
    wanted = plan(held, n or (20, 50, 100), split, seeds, estimator, fast)
    for note in wanted.notes:
        err_console.print(f"note: {note}", markup=False, highlight=False)
    with _bar() as bar:
        task = bar.add_task("", total=wanted.size)
        for done, what in run(held, wanted, level if intervals else None, out):
            bar.update(task, completed=done, description=what)
    found = summary(out)
    for (split_name, k), part in found.groupby(["split", "K"], sort=False):
        out_console.print(_table(part, f"{split_name} split, {k} anchors, {seeds} seeds"))
    out_console.print(
        "MAE, RMSE, width and paired in points of 100; cover: share of truths in the interval; "
        "seconds: selection + fit; paired: MAE beyond the reference's, 90 % interval over models",
        highlight=False,
    )
    for file in draw(out, held, wanted):
        out_console.print(f"figure: {file}", markup=False, highlight=False)
    out_console.print(f"tables: {out}/*.parquet", markup=False, highlight=False)


def _read(place: Path, metric: str | None, probe: str) -> ResponseMatrix:
    from illusion_lib.anchors import from_records, read_matrix
    from illusion_lib.runs.sweep import STUDY_FILE, load_study

    if (place / STUDY_FILE).is_file():
        return from_records(load_study(place).records, probe)
    return read_matrix(place, metric)


def _table(rows: pd.DataFrame, title: str) -> Table:
    """Return one split and K, best first: errors, widths and paired differences in points of 100.

    Seconds are of selection and fit; `paired` is how much greater the mean error is than the
    reference's, with its interval.
    """
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for head in ("estimator", "MAE", "RMSE", "tau", "top10", "cover", "width", "seconds", "paired"):
        table.add_column(head, justify="left" if head == "estimator" else "right", no_wrap=True)
    for row in rows.to_dict("records"):
        cells = [f"{100 * row[name]:.2f}" for name in ("mae", "rmse")]
        cells += [f"{row[name]:.2f}" for name in ("tau_b", "top10", "coverage")]
        cells.append(f"{100 * row['width']:.1f}")
        cells.append(f"{row['select_seconds']:.2f}+{row['fit_seconds']:.2f}")
        low, high = 100 * row["low"], 100 * row["high"]
        paired = f"{100 * row['difference']:+.2f} [{low:+.2f}, {high:+.2f}]"
        table.add_row(row["estimator"], *cells, escape(paired) if low == low else "reference")
    return table


def _bar() -> Progress:
    """Show the trials done and the last one; a time left would mislead, so unlike they are."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    return Progress(
        *columns, console=err_console, transient=True, disable=not err_console.is_terminal
    )
