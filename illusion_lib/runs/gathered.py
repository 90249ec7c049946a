"""How ten thousand cells are read at once: their records once more, in one file beside them.

To open a Parquet file takes milliseconds, however few rows it has. So a large study keeps all rows
in one file too, with a list of which cell has which of them. The list names cells by the hashes of
their two files: whatever is taken from here is what lies in the cell's folder at this moment, byte
for byte, and a cell that is new, changed or damaged is not found here and is read by itself.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from illusion_lib.errors import StoreError
from illusion_lib.records import SCHEMA
from illusion_lib.runs.manifest import MANIFEST
from illusion_lib.runs.plan import CellPlan
from illusion_lib.runs.result import CellResult
from illusion_lib.runs.store import RECORDS, Store

GATHERED = "gathered"
# From here on a study is worth a second copy of its records.
MANY = 200
_LIST = b"cells"
_BATCH = 256  # cells that are read before their rows are written
_log = logging.getLogger(__name__)

# A cell's key, and the SHA-256 of its manifest and of its records.
_Name = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Rows of many cells, and where those of each cell begin and how many they are."""

    table: pa.Table
    places: dict[_Name, tuple[int, int]]


def find_gathered(store: Store, plans: Iterable[CellPlan]) -> dict[str, CellResult]:
    """Return those planned cells, by key, whose records a store holds gathered."""
    held = [found for name in _names(store) if (found := store.kept(name, _read)) is not None]
    if not held:
        return {}
    planned = list(plans)
    folders = [store.cell_folder(plan.spec, plan.key) for plan in planned]
    with ThreadPoolExecutor() as pool:  # reading and hashing leave the interpreter's lock alone
        hashes = list(pool.map(_hashes, folders))
    cells = {}
    for plan, folder, (manifest, records) in zip(planned, folders, hashes, strict=True):
        for one in held:
            place = one.places.get((plan.key, manifest, records))
            if place is not None:
                rows = partial(one.table.slice, *place)
                cells[plan.key] = CellResult(plan.spec, plan.key, folder, manifest, rows)
    return cells


def gather(store: Store, cells: Sequence[CellResult]) -> None:
    """Keep the records of finished cells in one file, in place of what was gathered before.

    Without the file nothing is missing: where it cannot be written, the next look is slow again.
    """
    names = [(cell.key, cell.manifest_sha256, cell.manifest.records_sha256) for cell in cells]
    target = f"{GATHERED}/{hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]}"
    before = [name for name in _names(store) if name != target]
    try:
        store.keep(target, partial(_write, cells=cells, names=names))
    except StoreError as error:
        _log.warning("the records of many cells were not gathered: %a", str(error))
        return
    for name in before:
        store.forget(name)


def _names(store: Store) -> list[str]:
    return [f"{GATHERED}/{path.name}" for path in sorted(store.root.glob(f"{GATHERED}/[!.]*"))]


def _hashes(folder: Path) -> tuple[str, str]:
    """Return the SHA-256 of a cell's manifest and records; of what is missing, nothing."""
    try:
        contents = [(folder / name).read_bytes() for name in (MANIFEST, RECORDS)]
    except OSError:  # whoever reads the cell by itself says what is wrong with it
        return "", ""
    manifest, records = (hashlib.sha256(content).hexdigest() for content in contents)
    return manifest, records


def _write(path: Path, cells: Sequence[CellResult], names: Sequence[_Name]) -> None:
    """Write all rows and, in the footer, which cells they belong to; not all of them at once."""
    listed = []
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for start in range(0, len(cells), _BATCH):
            tables = [cell.rows() for cell in cells[start : start + _BATCH]]
            writer.write_table(pa.concat_tables(tables))
            counted = zip(names[start : start + _BATCH], tables, strict=True)
            listed += [[*name, len(table)] for name, table in counted]
        writer.add_key_value_metadata({_LIST: json.dumps(listed)})


def _read(path: Path) -> _Gathered:
    """Return what `_write` has written; its bytes have been compared with their hash."""
    with pq.ParquetFile(path) as file:
        table, about = file.read(), file.metadata.metadata
    if not table.schema.equals(SCHEMA):
        raise StoreError("the records have other columns than this version writes")
    places: dict[_Name, tuple[int, int]] = {}
    start = 0
    try:
        for key, manifest, records, rows in json.loads(about[_LIST]):
            places[key, manifest, records] = start, rows
            start += rows
    except (KeyError, TypeError) as error:
        raise StoreError("it does not say which cells it holds") from error
    return _Gathered(table.replace_schema_metadata(None), places)
