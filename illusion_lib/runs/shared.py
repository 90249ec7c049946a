"""What cells have in common and compute once: fingerprints, calibration windows, statistics."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from illusion_lib.items import Item, items_hash
from illusion_lib.pruning.corpus import identity
from illusion_lib.runs.plan import RECORDS_VERSION
from illusion_lib.runs.store import Store
from illusion_lib.specs import CalibrationSpec, ProbeSpec

if TYPE_CHECKING:
    import torch

    from illusion_lib.models import Model
    from illusion_lib.probes.shift import Reference
    from illusion_lib.pruning.statistics import Statistics

STATISTICS = "statistics"


@dataclass(slots=True)
class Shared:
    """What the cells of one process have in common, and what they take from other processes.

    Attributes
    ----------
    store
        Where calibration windows and statistics are kept between processes.
    device
        Passed to `load_model`.
    gram
        Whether one-pass statistics must serve methods that need the whole Gram matrix.
    keep
        Whether statistics go through the store: for a process that runs one cell of many.
    """

    store: Store
    device: str = "auto"
    gram: bool = True
    keep: bool = False
    _windows: dict[str, torch.Tensor] = field(default_factory=dict)
    _statistics: dict[str, Statistics] = field(default_factory=dict)

    def weights(self, model: Model) -> str:
        """Return the fingerprint of the still dense `model`'s parameters, taken once a study."""
        from illusion_lib.models import weight_fingerprint

        content = [model.fingerprint, model.spec.dtype, model.device.type, version("transformers")]
        key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
        name = f"weights/{key}"
        with self.store.once(f"weights-{key}", lambda: self.store.kept(name, _read_text)) as found:
            if found is None:
                found = weight_fingerprint(model.net)
                self.store.keep(name, partial(_write_text, text=found))
        return found

    def windows(self, model: Model, spec: CalibrationSpec) -> torch.Tensor:
        """Return calibration windows of the still dense `model`, int64 (samples, length)."""
        import torch

        from illusion_lib.pruning import calibrate

        key = calibration_key(model, spec)
        name = f"calibration/{key}"
        if key not in self._windows:
            with self.store.once(key, lambda: self.store.kept(name, _read_array)) as stored:
                if stored is None:
                    windows = calibrate(model, **asdict(spec))
                    stored = windows.cpu().numpy()
                    self.store.keep(name, partial(_write_array, array=stored))
            self._windows[key] = torch.from_numpy(stored)
        return self._windows[key]

    def reference(self, model: Model, items: Sequence[Item], spec: ProbeSpec) -> Reference:
        """Return what the still dense `model` would say next after every item's open prompt."""
        from illusion_lib.probes.shift import dense_reference, read_reference, write_reference

        content = [asdict(spec), items_hash(items), model.fingerprint, model.spec.dtype]
        key = hashlib.sha256(json.dumps([*content, RECORDS_VERSION]).encode()).hexdigest()[:32]
        name = f"reference/{key}"
        with self.store.once(key, lambda: self.store.kept(name, read_reference)) as found:
            if found is None:
                found = dense_reference(model, items, spec)
                self.store.keep(name, partial(write_reference, reference=found))
        return found

    def statistics(self, model: Model, spec: CalibrationSpec) -> Statistics:
        """Return one-pass statistics of the still dense `model`."""
        key = f"{calibration_key(model, spec)}-{'gram' if self.gram else 'norms'}"
        if key not in self._statistics:
            self._statistics.clear()  # one model's Gram matrices at a time
            windows = self.windows(model, spec)
            collect = self._kept if self.keep else self._collected
            self._statistics[key] = collect(model, windows, key)
        return self._statistics[key]

    def _collected(self, model: Model, windows: torch.Tensor, key: str) -> Statistics:
        from illusion_lib.pruning import collect

        return collect(model, windows, "both" if self.gram else "norms")

    def _kept(self, model: Model, windows: torch.Tensor, key: str) -> Statistics:
        """Return the statistics that some process has stored, or be that process."""
        from illusion_lib.pruning.blocks import find_blocks
        from illusion_lib.runs.statistics_file import read_statistics, write_statistics

        matrices = [matrix for block in find_blocks(model.net) for matrix in block.matrices]
        devices = {matrix.name: matrix.read().device for matrix in matrices}

        name = f"{STATISTICS}/{key}"

        def stored() -> Statistics | None:
            return self.store.kept(name, lambda path: read_statistics(path, devices))

        with self.store.once(key, stored) as found:
            if found is None:
                found = self._collected(model, windows, key)
                self.store.keep(name, partial(write_statistics, statistics=found))
        return found


def calibration_key(model: Model, spec: CalibrationSpec) -> str:
    """Return what tells one draw of calibration windows from another."""
    content = [asdict(spec), identity(spec.source), model.fingerprint, model.spec.dtype]
    text = json.dumps([*content, RECORDS_VERSION])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read_array(path: Path) -> npt.NDArray[np.int64]:
    with path.open("rb") as file:
        array: npt.NDArray[np.int64] = np.load(file, allow_pickle=False)
    return array


def _write_array(path: Path, array: npt.NDArray[np.int64]) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _read_text(path: Path) -> str:
    return path.read_text(encoding="ascii")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii")
