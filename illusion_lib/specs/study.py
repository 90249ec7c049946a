"""A named grid of cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from illusion_lib.specs.calibration import CalibrationSpec
from illusion_lib.specs.cell import CellSpec
from illusion_lib.specs.checks import refuse
from illusion_lib.specs.model import ModelSpec
from illusion_lib.specs.probe import ProbeSpec
from illusion_lib.specs.prune import PruneSpec
from illusion_lib.specs.task import TaskSpec

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class StudySpec:
    """A named grid of cells: every model dense and under every pruning and calibration draw."""

    name: str
    title: str
    models: tuple[ModelSpec, ...]
    prunings: tuple[PruneSpec, ...]
    calibrations: tuple[CalibrationSpec, ...] = (CalibrationSpec(),)
    tasks: tuple[TaskSpec, ...] = (TaskSpec(),)
    probe: ProbeSpec = ProbeSpec()

    def __post_init__(self) -> None:
        refuse(
            not _NAME.fullmatch(self.name),
            f"study name {self.name!r} must be lower-case letters, digits, '-' and '_'",
        )
        refuse(not self.models, f"study {self.name!r} names no model")
        slugs = [model.slug for model in self.models]
        refuse(
            len(set(slugs)) < len(slugs),
            f"study {self.name!r} has two models of the same short name: {', '.join(slugs)}",
        )
        refuse(not self.tasks, f"study {self.name!r} names no task")

    def cells(self) -> tuple[CellSpec, ...]:
        """Return the cells in running order, dense first within a model, none twice."""
        grid = {json.dumps([cell.canonical(), cell.task.path]): cell for cell in self._grid()}
        return tuple(grid.values())

    def _grid(self) -> Iterator[CellSpec]:
        for model, task in product(self.models, self.tasks):
            yield CellSpec(model, task=task, probe=self.probe)
            for calibration, prune in product(self.calibrations, self.prunings):
                yield CellSpec(model, prune, calibration, task, self.probe)
