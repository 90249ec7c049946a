"""Keep finished cells on disk: one folder a cell, written whole or not at all, checked when read.

Layout of a store::

    study.json                      the study that was last swept into it
    calibration/<key>.npy           token windows, shared by the cells of a model
    cells/<model>/<slug>-<key>/     records.parquet and manifest.json
    quarantine/                     cells whose bytes no longer match their manifest
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from illusion_lib.errors import StoreError
from illusion_lib.records import SCHEMA, to_frame
from illusion_lib.specs import CellSpec

RECORDS = "records.parquet"
MANIFEST = "manifest.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that tells where a cell's records come from.

    Attributes
    ----------
    key
        Content key of the cell.
    spec
        The canonical specification, as JSON.
    created
        UTC time at which the cell was finished, ISO 8601.
    versions
        Of Python, illusion_lib and the libraries that compute.
    device, dtype, threads
        Where it was computed.
    checkpoint
        Fingerprint of the checkpoint's files.
    checkpoint_note
        What a reader must know of the weights.
    weights_before, weights_after
        Fingerprints of all parameters before and after pruning.
    pruning
        The pruning report: achieved sparsity per layer, damping, notes.
    calibration_sha256
        Of the token windows, where the method reads any.
    items
        Number of items, their hash and their sources.
    prompts
        Prompt style, template texts and their hash.
    scoring_path
        How continuations were computed: ``packed``, ``expanded`` or ``recompute``.
    seconds
        Wall time by stage.
    records_sha256
        Of the Parquet file beside the manifest.
    """

    key: str
    spec: dict[str, Any]
    created: str
    versions: dict[str, str]
    device: str
    dtype: str
    threads: int
    checkpoint: str
    checkpoint_note: str
    weights_before: str
    weights_after: str
    pruning: dict[str, Any]
    calibration_sha256: str | None
    items: dict[str, Any]
    prompts: dict[str, Any]
    scoring_path: str
    seconds: dict[str, float] = field(default_factory=dict)
    records_sha256: str = ""


@dataclass(frozen=True, slots=True)
class CellResult:
    """A finished cell: its specification, its records and their manifest."""

    spec: CellSpec
    records: pd.DataFrame
    manifest: Manifest
    folder: Path


class Store:
    """A folder of finished cells, addressed by content key."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def cell_folder(self, spec: CellSpec, key: str) -> Path:
        """Return where a cell lies, or would lie."""
        return self.root / "cells" / spec.model.slug / f"{spec.slug}-{key[:12]}"

    def get(self, spec: CellSpec, key: str) -> CellResult | None:
        """Return a finished cell, or None; a damaged one goes to quarantine and counts as none."""
        folder = self.cell_folder(spec, key)
        if not folder.is_dir():
            return None
        try:
            manifest = _read_manifest(folder)
            if manifest.key != key:
                raise StoreError(f"holds key {manifest.key}, expected {key}")
            return CellResult(spec, _read_records(folder, manifest), manifest, folder)
        except (StoreError, OSError, ValueError, TypeError, pa.ArrowException) as error:
            _log.warning("cell %s is damaged (%s): moved to quarantine", folder.name, error)
            self._quarantine(folder)
            return None

    def put(self, spec: CellSpec, table: pa.Table, manifest: Manifest) -> CellResult:
        """Write a finished cell; another process that was faster keeps its own, equal one."""
        folder = self.cell_folder(spec, manifest.key)
        with self._writing(folder) as scratch:
            pq.write_table(table, scratch / RECORDS, compression="zstd")
            content = asdict(manifest) | {"records_sha256": _sha256(scratch / RECORDS)}
            _write_json(scratch / MANIFEST, content)
            for name in (RECORDS, MANIFEST):
                _flush(scratch / name)
        written = self.get(spec, manifest.key)
        if written is None:
            raise StoreError(f"{folder} could not be read back after writing; check the disk")
        return written

    def tokens(self, key: str) -> npt.NDArray[np.int64] | None:
        """Return stored calibration windows, or None."""
        path = self.root / "calibration" / f"{key}.npy"
        try:
            windows: npt.NDArray[np.int64] = np.load(path, allow_pickle=False)
            return windows
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError) as error:
            _log.warning("calibration windows %s are damaged (%s): sampled anew", path.name, error)
            return None

    def put_tokens(self, key: str, windows: npt.NDArray[np.int64]) -> None:
        """Keep calibration windows (samples, length)."""
        with (
            self._replacing(self.root / "calibration" / f"{key}.npy") as partial,
            partial.open("wb") as file,
        ):
            np.save(file, windows, allow_pickle=False)

    def write_json(self, name: str, content: Any) -> None:
        """Write a small JSON file at the store's top, atomically."""
        with self._replacing(self.root / name) as partial:
            _write_json(partial, content)

    def read_json(self, name: str) -> Any:
        """Return a JSON file at the store's top.

        Raises
        ------
        StoreError
            It is missing or not JSON.
        """
        path = self.root / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.root} has no {name}: it is not a finished study; "
                f"run `illusion sweep quick --out {self.root}` first"
            ) from error
        except (ValueError, OSError) as error:
            raise StoreError(f"{path} cannot be read ({error}); run the sweep again") from error

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests of all readable cells, in path order, without their records."""
        for path in sorted(self.root.glob(f"cells/*/*/{MANIFEST}")):
            try:
                yield _read_manifest(path.parent)
            except (StoreError, OSError, ValueError, TypeError):
                continue  # `get` reports and quarantines it when the cell itself is wanted

    @contextmanager
    def _writing(self, target: Path) -> Iterator[Path]:
        """Yield a scratch folder that becomes `target` when the block ends well."""
        scratch: Path | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=target.parent))
            yield scratch
            try:
                scratch.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
        except OSError as error:
            raise StoreError(_explain(error, target)) from error
        finally:
            if scratch is not None:
                shutil.rmtree(scratch, ignore_errors=True)

    @contextmanager
    def _replacing(self, target: Path) -> Iterator[Path]:
        """Yield a scratch file that replaces `target` when the block ends well."""
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            _flush(partial)
            partial.replace(target)
        except OSError as error:
            raise StoreError(_explain(error, target)) from error
        finally:
            partial.unlink(missing_ok=True)

    def _quarantine(self, folder: Path) -> None:
        grave = self.root / "quarantine"
        grave.mkdir(parents=True, exist_ok=True)
        folder.rename(Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=grave)) / folder.name)


def _read_manifest(folder: Path) -> Manifest:
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return Manifest(**content)


def _read_records(folder: Path, manifest: Manifest) -> pd.DataFrame:
    path = folder / RECORDS
    if _sha256(path) != manifest.records_sha256:
        raise StoreError("the records do not match the manifest's hash")
    table = pq.read_table(path)
    if table.schema.names != SCHEMA.names:
        raise StoreError("the records have other columns than this version writes")
    return to_frame(table)


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _flush(path: Path) -> None:
    """Make sure the bytes are on the disk before a rename makes them visible."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _explain(error: OSError, target: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk is full: {target} was not written; free some space and run again"
    return f"cannot write {target} ({error.strerror or error}); check the path and its permissions"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
