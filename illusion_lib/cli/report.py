"""`illusion report`: turn a finished sweep into an HTML book."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from illusion_lib.cli.console import DeviceOption, WorkersOption, out_console
from illusion_lib.cli.sweep import sweep_into
from illusion_lib.errors import SpecError
from illusion_lib.report.crew import Crew
from illusion_lib.specs import ModelSpec, StudySpec


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
    if model is not None:
        from illusion_lib.runs.executors import make_executor

        spec = _study_of(model, study)
        folder = folder or Path("runs") / spec.name
        sweep_into(spec, folder, device, make_executor("local", workers, {}))
    if folder is None:
        raise SpecError("name the folder of a finished sweep, or a model with --model")
    target = site or folder / "report"
    with Crew() as crew:
        from illusion_lib.report.book import build_report  # takes a second, as does the crew

        index = build_report(folder, target, crew=crew, progress=_say)
    out_console.print(f"report: {index}", markup=False, highlight=False)


def _say(what: str, done: int, total: int) -> None:
    out_console.print(f"{what} {done}/{total}", markup=False, highlight=False)


def _study_of(model: str, study: str) -> StudySpec:
    """Return a study's questions and prunings for one other model."""
    from illusion_lib.runs.studies import find_study

    base, spec = find_study(study), ModelSpec(model)
    return replace(
        base, name=f"{base.name}-{spec.slug}"[:64], title=f"{model}: {base.name}", models=(spec,)
    )
