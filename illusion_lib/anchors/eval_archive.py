"""Read the entries of an inspect_ai archive, however they were compressed.

Older `.eval` files are deflated; newer ones use Zstandard, which Python reads from 3.14 on only.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from illusion_lib.anchors.matrix import refuse
from illusion_lib.errors import AnchorError

ZSTANDARD = 93
"""Zstandard's number among the compression methods (PKWARE's APPNOTE 6.3.8, section 4.4.5)."""

_LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of the name and of the extra field


def read_head(file: Path) -> dict[str, Any]:
    """Return an archive's header: of a finished log, or of one that is still being written."""
    with _open(file) as archive:
        names = archive.namelist()
        name = "header.json" if "header.json" in names else "_journal/start.json"
        refuse(name not in names, f"{file.name} is not an inspect_ai log: no header.json in it")
        head: dict[str, Any] = _read(archive, name, file)
        return head


def read_samples(file: Path) -> Iterator[dict[str, Any]]:
    """Yield an archive's samples, one file ``samples/<id>_epoch_<n>.json`` after the other."""
    with _open(file) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("samples/") and name.endswith(".json"):
                yield _read(archive, name, file)


def _open(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise AnchorError(f"{file.name} is not an inspect_ai log: {error}") from error


def _read(archive: zipfile.ZipFile, name: str, file: Path) -> Any:
    entry = archive.getinfo(name)
    content = _inflate(entry, file) if entry.compress_type == ZSTANDARD else archive.read(entry)
    try:
        return json.loads(content)
    except ValueError as error:
        raise AnchorError(f"{file.name}: {name} is not JSON: {error}") from error


def _inflate(entry: zipfile.ZipInfo, file: Path) -> bytes:
    """Return what a Zstandard entry holds, never more than the archive says and checked by CRC."""
    with file.open("rb") as raw:
        raw.seek(entry.header_offset)
        lengths = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
        raw.seek(sum(lengths), 1)
        packed = pa.BufferReader(raw.read(entry.compress_size))
    with pa.CompressedInputStream(packed, "zstd") as stream:
        content: bytes = stream.read(entry.file_size)
    refuse(zlib.crc32(content) != entry.CRC, f"{file.name}: {entry.filename} is damaged")
    return content
