"""Which commands repeat a run: the sweep that computes it, and the report of it."""

from __future__ import annotations

import shlex
from dataclasses import replace

from illusion_lib.runs.studies import find_study, shipped_studies
from illusion_lib.specs import StudySpec


def repeat_commands(study: StudySpec) -> tuple[str, str]:
    """Return the command that sweeps a study again and the one that writes its report.

    A study that comes with the package goes by its name; of any other the reader has the
    ``study.json`` that the report offers for download.
    """
    folder = f"runs/{study.name}"
    source = study.name if _comes_with_the_package(study) else "study.json"
    sweep = shlex.join(["illusion", "sweep", source, "--out", folder])
    return sweep, shlex.join(["illusion", "report", folder])


def _comes_with_the_package(study: StudySpec) -> bool:
    return study.name in shipped_studies() and _as_asked(study) == _as_asked(find_study(study.name))


def _as_asked(study: StudySpec) -> StudySpec:
    """Return a study without the number formats that its run has decided on."""
    return replace(study, models=tuple(replace(model, dtype="auto") for model in study.models))
