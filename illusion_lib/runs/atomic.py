"""Write files and folders whole or not at all, and say in one line what kept them from it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from illusion_lib.errors import StoreError

_SCRATCH = ".writing-"
# What a mounted folder answers when its server or its network has gone.
_GONE = {errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT}

_scratches: set[Path] = set()  # what this process is writing at the moment


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a scratch folder that becomes `target` when the block ends well.

    Where another process was faster, its folder stays. The bytes are on the disk before the
    rename, and the rename before the block is left: a power cut shows all or nothing.

    Raises
    ------
    StoreError
        The disk is full, or the folder is gone or not writable.
    """
    scratch: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
        _scratches.add(scratch)
        yield scratch
        for path in (*scratch.iterdir(), scratch):
            _flush(path)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        _flush(target.parent)
    except OSError as error:
        raise StoreError(explain(error, target)) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
            _scratches.discard(scratch)


def drop_scratch() -> None:
    """Remove the folders that this process is still writing: for one that ends at once."""
    for scratch in tuple(_scratches):
        shutil.rmtree(scratch, ignore_errors=True)


def sweep_scratch(target: Path) -> None:
    """Remove what killed processes left of their attempts to write `target`.

    Only for the one who holds the lease on `target`: nobody else is writing it.
    """
    for scratch in target.parent.glob(f"{_prefix(target)}*"):
        shutil.rmtree(scratch, ignore_errors=True)


def _prefix(target: Path) -> str:
    return f"{_SCRATCH}{target.name}-"


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a scratch file that replaces `target` when the block ends well.

    Raises
    ------
    StoreError
        The disk is full, or the folder is gone or not writable.
    """
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _flush(partial)
        partial.replace(target)
    except OSError as error:
        raise StoreError(explain(error, target)) from error
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON with sorted keys."""
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def explain(error: OSError, target: Path) -> str:
    """Return one line that says what kept `target` from being written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {target} was not written; free some space and run again"
    if error.errno in _GONE:
        return lost_folder(target)
    return f"cannot write {target} ({error.strerror or error}); check the path and its permissions"


def lost_folder(folder: Path) -> str:
    """Return the line for a run folder that was there and is not any more."""
    return (
        f"the run folder is gone: {folder} cannot be reached; mount or restore it and run the same "
        "command again (finished cells are kept)"
    )


def _flush(path: Path) -> None:
    """Make sure that a file's bytes, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
