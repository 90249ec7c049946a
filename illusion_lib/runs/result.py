"""What a finished cell holds: where it lies, and its manifest and records, read when asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd
import pyarrow as pa

from illusion_lib.errors import StoreError
from illusion_lib.records import to_frame
from illusion_lib.runs.manifest import MANIFEST, Manifest, parse_manifest
from illusion_lib.specs import CellSpec


@dataclass(frozen=True)
class CellResult:
    """A finished cell: its specification, its records and their manifest.

    Attributes
    ----------
    spec, key, folder
        What was run, its content key, and where it lies.
    manifest_sha256
        Of the manifest's bytes when the cell was looked up.
    rows
        Returns the records; ten thousand cells are not all held in memory.
    """

    spec: CellSpec
    key: str
    folder: Path
    manifest_sha256: str
    rows: Callable[[], pa.Table]

    @property
    def manifest(self) -> Manifest:
        """Where the records come from.

        Raises
        ------
        StoreError
            The file is not any more what it was when the cell was looked up.
        """
        return _manifest(self.folder / MANIFEST, self.manifest_sha256)

    @cached_property
    def table(self) -> pa.Table:
        """The records as an Arrow table."""
        return self.rows()

    @cached_property
    def records(self) -> pd.DataFrame:
        """The records, one row per item, probe and target."""
        return to_frame(self.table)


@lru_cache(maxsize=256)  # a manifest names every layer: too large to keep thousands of them
def _manifest(path: Path, digest: str) -> Manifest:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error}); run the same command again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreError(f"{path} was changed while it was read; run the same command again")
    return parse_manifest(content, path)
