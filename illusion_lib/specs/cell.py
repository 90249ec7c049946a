"""One model, one pruning, one calibration draw, and the key of what it yields."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from illusion_lib.items.sources import SOURCES
from illusion_lib.pruning.registry import METHODS
from illusion_lib.specs.calibration import CalibrationSpec
from illusion_lib.specs.model import ModelSpec
from illusion_lib.specs.probe import ProbeSpec
from illusion_lib.specs.prune import PruneSpec
from illusion_lib.specs.task import TaskSpec


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One model, one pruning, one calibration draw: the unit of work, of storage and of resume."""

    model: ModelSpec
    prune: PruneSpec = PruneSpec()
    calibration: CalibrationSpec = CalibrationSpec()
    task: TaskSpec = TaskSpec()
    probe: ProbeSpec = ProbeSpec()

    @property
    def slug(self) -> str:
        """Short name of the cell within its model: ``wanda-s050`` or ``wanda-s050-c1``."""
        draw = f"-c{self.calibration.seed}" if self.calibration.seed else ""
        return self.prune.slug + (draw if METHODS[self.prune.method].calibrated else "")

    @property
    def dense(self) -> CellSpec:
        """The cell this one is compared with: the same questions to the unpruned model."""
        return replace(self, prune=PruneSpec(), calibration=CalibrationSpec())

    def canonical(self) -> dict[str, Any]:
        """Return what determines the records: settings that are ignored are left out."""
        content = asdict(self)
        del content["model"]["parameters"]
        del content["task"]["path"]  # the items' hash tells what was found there
        source = SOURCES.get(self.task.name)
        if source is None or "passage" not in source.settings:
            del content["task"]["passage"]
        method = METHODS[self.prune.method]
        if not method.calibrated:
            del content["calibration"]
        elif not self.calibration.languages:
            del content["calibration"]["languages"]
        for name in set(content["prune"]) - {"method", "sparsity", "pattern", *method.settings}:
            del content["prune"][name]
        return content

    def key(self, checkpoint: str, items: str, *parts: str) -> str:
        """Return the content key: the SHA-256 of all that determines the records.

        Names and paths do not count, so that a moved folder finds its cells again; what they lead
        to counts instead.

        Parameters
        ----------
        checkpoint
            Fingerprint of the model's files.
        items
            Hash of the items.
        *parts
            What else counts: hash of a calibration text, version of the records.
        """
        content = self.canonical()
        calibration = content.get("calibration", {})
        calibration.pop("source", None)
        settings = [self.model.dtype, content["prune"], calibration, content["probe"]]
        text = json.dumps([settings, checkpoint, items, *parts], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
