"""Agree with other processes and machines, through files alone, on who computes what.

A lease is a file that its owner creates exclusively and rewrites every few seconds. Another
process judges it by what it sees itself: when the content has not changed for a while *on the
observer's own monotonic clock*, the owner is taken for dead. No two clocks are ever compared.

A lease saves work and protects nothing: results are published by an atomic rename under a key of
their content, so that two owners at once would cost time and spoil no record.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from illusion_lib.errors import StoreError
from illusion_lib.runs.atomic import explain, lost_folder

BEAT_SECONDS = 5.0
PATIENCE_SECONDS = 90.0
_POLL_SECONDS = 0.5
_held_here: dict[str, Lease] = {}  # by owner, those of this process


class Lease:
    """A lease that this process holds; a thread keeps it alive until `release`."""

    def __init__(self, path: Path, beat: float) -> None:
        self._path = path
        self._beat = beat
        self._owner = uuid.uuid4().hex
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def create(self) -> bool:
        """Create the file and begin to keep it alive; False where somebody else has it."""
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise StoreError(lost_folder(self._path.parent.parent)) from error
        except OSError as error:
            raise StoreError(explain(error, self._path)) from error
        _held_here[self._owner] = self
        with os.fdopen(handle, "wb") as file:
            file.write(self._content())
        self._thread.start()
        return True

    def release(self) -> None:
        """Give the lease up; one that was taken over stays with its new owner."""
        self._ended.set()
        _held_here.pop(self._owner, None)
        if self._thread.is_alive():
            self._thread.join()
        with suppress(OSError):
            if self._is_mine():
                self._path.unlink()

    def _live(self) -> None:
        while not self._ended.wait(self._beat):
            with suppress(OSError):  # a folder that comes back is beaten again
                if not self._is_mine():
                    return
                self._beats += 1
                # Not a replacement: a file that was taken away must not come back.
                handle = os.open(self._path, os.O_WRONLY)
                with os.fdopen(handle, "wb") as file:
                    file.write(self._content())

    def _is_mine(self) -> bool:
        return self._owner.encode() in self._path.read_bytes()

    def _content(self) -> bytes:
        """Return the file's bytes, always the same number of them."""
        entries = {"owner": self._owner, "host": here(), "pid": os.getpid()}
        return json.dumps(entries | {"beat": f"{self._beats:012d}"}).encode()


def release_all() -> None:
    """Give up what this process holds: for one that ends at once."""
    for lease in tuple(_held_here.values()):
        lease.release()


class Leases:
    """The leases of one run folder, and what this process has seen of others' ones.

    Parameters
    ----------
    folder
        Where the files lie; it must exist.
    beat, patience
        Seconds between signs of life, and without one until an owner counts as dead.
    clock
        A monotonic clock.
    """

    def __init__(
        self,
        folder: Path,
        beat: float = BEAT_SECONDS,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._beat, self._patience, self._clock = beat, patience, clock
        self._seen: dict[str, tuple[bytes, float]] = {}

    def take(self, name: str) -> Lease | None:
        """Return a lease, or None where somebody who may be alive holds it.

        Raises
        ------
        StoreError
            The folder is gone or not writable.
        """
        self.is_free(name)
        lease = Lease(self._path(name), self._beat)
        return lease if lease.create() else None

    @contextmanager
    def hold(self, name: str, enough: Callable[[], bool] = lambda: False) -> Iterator[Lease | None]:
        """Wait for a lease and hold it; yield None as soon as `enough` says it is not needed."""
        while not enough():
            lease = self.take(name)
            if lease is not None:
                try:
                    yield lease
                finally:
                    lease.release()
                return
            time.sleep(min(_POLL_SECONDS, self._beat))
        yield None

    def is_free(self, name: str) -> bool:
        """Return whether nobody holds a lease; one whose owner has died is cleared away."""
        path = self._path(name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise StoreError(explain(error, path)) from error
        last, since = self._seen.get(name, (None, 0.0))
        if content != last:
            self._seen[name] = content, self._clock()
            silent = 0.0
        else:
            silent = self._clock() - since
        if silent < self._patience and not _died_here(content):
            return False
        self._clear(path, content)
        return True

    def held(self) -> dict[str, str]:
        """Return the leases that lie in the folder and the host of each, for a status line."""
        found = {}
        for path in self.folder.glob("*.json") if self.folder.is_dir() else ():
            with suppress(OSError):
                content = path.read_bytes()
                if not _died_here(content):
                    found[path.stem] = str(_entry(content, "host")).partition(" ")[0]
        return found

    def _clear(self, path: Path, content: bytes) -> None:
        """Take a dead owner's file away, and only that one."""
        grave = path.with_name(f".dead-{uuid.uuid4().hex}")
        with suppress(OSError):  # another observer was faster
            path.rename(grave)
            if grave.read_bytes() != content:  # a living one came between: put it back
                os.link(grave, path)
            grave.unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def here() -> str:
    """Return what tells apart the machines, boots and containers that number processes alike."""
    marks = [socket.gethostname()]
    with suppress(OSError):  # Linux has both
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        marks.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(marks)


def _died_here(content: bytes) -> bool:
    """Return whether the owner was on this machine and is no more."""
    pid = _entry(content, "pid")
    if _entry(content, "host") != here() or not isinstance(pid, int) or pid < 1:
        return False
    if pid == os.getpid():
        return _entry(content, "owner") not in _held_here
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # of another user; no process has such a number
        return False
    return False


def _entry(content: bytes, name: str) -> object:
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return entries.get(name) if isinstance(entries, dict) else None
