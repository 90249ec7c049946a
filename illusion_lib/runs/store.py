"""Keep finished cells on disk: one folder a cell, written whole or not at all, checked when read.

Layout of a store::

    study.json                      the study that was last swept into it
    weights/<key>/                  fingerprint of a dense model's parameters
    calibration/<key>/              token windows, shared by the cells of a model
    reference/<key>/                what the dense model says next, for the probe `kl`
    statistics/<key>/               one-pass statistics, kept while a study runs
    gathered/<key>/                 the records of many cells once more, in one file
    cells/<model>/<slug>-<key>/     records.parquet and manifest.json
    leases/                         who computes what at the moment
    events/<machine>.jsonl          what happened, line by line
    quarantine/                     folders whose bytes no longer match their manifest
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from illusion_lib.errors import StoreError
from illusion_lib.records import SCHEMA
from illusion_lib.runs.atomic import (
    explain,
    lost_folder,
    new_file,
    new_folder,
    sha256,
    sweep_scratch,
    write_json,
)
from illusion_lib.runs.leases import Leases
from illusion_lib.runs.manifest import MANIFEST, Manifest, parse_manifest, read_manifest
from illusion_lib.runs.result import CellResult
from illusion_lib.specs import CellSpec

RECORDS = "records.parquet"
_KEPT = "content"
_Content = TypeVar("_Content")
_log = logging.getLogger(__name__)


class Store:
    """A folder of finished cells, addressed by content key."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.leases = Leases(self.root / "leases")
        self._opened = False

    def create(self) -> None:
        """Make the folder ready for work.

        Only who starts a study calls this; a worker that finds no folder has lost it.

        Raises
        ------
        StoreError
            The folder cannot be made.
        """
        try:
            self.leases.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(explain(error, self.root)) from error
        self._opened = True

    def open(self) -> None:
        """Get ready to work in a folder that another process has created.

        Raises
        ------
        StoreError
            There is none; to create it could fill an empty mount point on the wrong disk.
        """
        self._opened = True
        self._refuse_lost()

    def ready(self) -> None:
        """Create the folder, unless it was there before and is lost."""
        self._refuse_lost()
        self.create()

    def _refuse_lost(self) -> None:
        if self._opened and not self.leases.folder.is_dir():
            raise StoreError(lost_folder(self.root))

    def cell_folder(self, spec: CellSpec, key: str) -> Path:
        """Return where a cell lies, or would lie."""
        return self.root / "cells" / spec.model.slug / f"{spec.slug}-{key[:12]}"

    def has(self, spec: CellSpec, key: str) -> bool:
        """Return whether a cell is finished, without a look at its bytes."""
        return (self.cell_folder(spec, key) / MANIFEST).is_file()

    def get(self, spec: CellSpec, key: str) -> CellResult | None:
        """Return a finished cell, or None; a damaged one goes to quarantine and counts as none."""
        folder = self.cell_folder(spec, key)
        if not folder.is_dir():
            return None
        try:
            content = (folder / MANIFEST).read_bytes()
            manifest = parse_manifest(content, folder / MANIFEST)
            if manifest.key != key:
                raise StoreError(f"holds key {manifest.key}, expected {key}")
            _checked(folder, manifest.records_sha256)
        except (StoreError, OSError) as error:
            self._quarantine(folder, error)
            return None
        rows = partial(self._rows, folder, manifest.records_sha256)
        return CellResult(spec, key, folder, hashlib.sha256(content).hexdigest(), rows)

    def _rows(self, folder: Path, digest: str) -> pa.Table:
        """Return the records of a cell that `get` has found; it may have gone bad since."""
        try:
            return _read_records(_checked(folder, digest))
        except (StoreError, OSError, ValueError, pa.ArrowException) as error:
            self._quarantine(folder, error)
            raise StoreError(
                f"the records in {folder} cannot be read any more; run the same command again"
            ) from error

    def put(self, spec: CellSpec, table: pa.Table, manifest: Manifest) -> CellResult:
        """Write a finished cell; another process that was faster keeps its own, equal one."""
        self._refuse_lost()
        folder = self.cell_folder(spec, manifest.key)
        with new_folder(folder) as scratch:
            pq.write_table(table, scratch / RECORDS, compression="zstd")
            content = asdict(manifest) | {"records_sha256": sha256(scratch / RECORDS)}
            write_json(scratch / MANIFEST, content)
        written = self.get(spec, manifest.key)
        if written is None:
            raise StoreError(f"{folder} could not be read back after writing; check the disk")
        return written

    def sweep_scratch(self, spec: CellSpec, key: str) -> None:
        """Remove half-written attempts at a cell; only its lease holder may."""
        sweep_scratch(self.cell_folder(spec, key))

    @contextmanager
    def once(self, name: str, stored: Callable[[], _Content | None]) -> Iterator[_Content | None]:
        """Yield what is stored; or None to the one process that shall make and store it."""
        found = stored()
        if found is not None:
            yield found
            return
        self.ready()

        def look() -> bool:
            nonlocal found
            found = stored()
            return found is not None

        with self.leases.hold(name, look):
            yield found

    def kept(self, name: str, read: Callable[[Path], _Content]) -> _Content | None:
        """Return what was kept under a name, as `read` makes it of its file; None where damaged."""
        folder = self.root / name
        if not folder.is_dir():
            return None
        try:
            if (folder / "sha256").read_text(encoding="utf-8") != sha256(folder / _KEPT):
                raise StoreError("the content does not match its hash")
            return read(folder / _KEPT)
        except Exception as error:  # of the many that a strange file makes its reader raise
            self._quarantine(folder, error)
            return None

    def keep(self, name: str, write: Callable[[Path], None]) -> None:
        """Keep what `write` puts into a file; only the one whom `once` has chosen does this."""
        self._refuse_lost()
        folder = self.root / name
        sweep_scratch(folder)
        with new_folder(folder) as scratch:
            write(scratch / _KEPT)
            (scratch / "sha256").write_text(sha256(scratch / _KEPT), encoding="utf-8")

    def forget(self, name: str) -> None:
        """Free the space of what was kept, unless somebody is at work here."""
        if not self.leases.held():
            shutil.rmtree(self.root / name, ignore_errors=True)

    def write_json(self, name: str, content: Any) -> None:
        """Write a small JSON file at the store's top, atomically."""
        with new_file(self.root / name) as partial:
            write_json(partial, content)

    def read_json(self, name: str) -> Any:
        """Return a JSON file at the store's top.

        Raises
        ------
        StoreError
            It is missing or not JSON.
        """
        path = self.root / name
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.root} has no {name}: it is not a finished study; "
                f"run `illusion sweep quick --out {self.root}` first"
            ) from error
        except (ValueError, OSError, RecursionError) as error:
            raise StoreError(f"{path} cannot be read ({error}); run the sweep again") from error

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests of all readable cells, in path order, without their records."""
        for path in sorted(self.root.glob(f"cells/*/*/{MANIFEST}")):
            # `get` reports and quarantines a damaged one when the cell itself is wanted.
            with suppress(StoreError):
                yield read_manifest(path.parent)

    def _quarantine(self, folder: Path, error: Exception) -> None:
        grave = self.root / "quarantine"
        try:
            grave.mkdir(parents=True, exist_ok=True)
            folder.rename(Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=grave)) / folder.name)
        except FileNotFoundError:
            return  # another process was faster
        except OSError as problem:
            raise StoreError(explain(problem, grave)) from problem
        # A damaged file may quote anything, lone surrogates too, which no terminal can print.
        _log.warning("%s is damaged (%a): moved to quarantine", folder.name, str(error))


def _checked(folder: Path, digest: str) -> bytes:
    """Return the bytes of a cell's records, which are those that the manifest vouches for."""
    content = (folder / RECORDS).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreError("the records do not match the manifest's hash")
    return content


def _read_records(content: bytes) -> pa.Table:
    # A cell's file is small: threads would take longer to start than to read it.
    table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    if not table.schema.equals(SCHEMA):
        raise StoreError("the records have other columns than this version writes")
    table.validate(full=True)
    return table
