"""Tell what happens in a study as JSON lines that any process may append to and anybody may read.

Each machine appends to a file of its own, ``events/<machine>.jsonl`` in the run folder, so that no
two machines ever write to one file. Times are for people; everything that is computed (durations,
rates) comes from durations that a single process has measured.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

EVENTS = "events"
Kind = Literal["started", "step", "done", "failed", "reused", "killed"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one cell.

    Attributes
    ----------
    kind
        ``started``, a ``step`` within it, then ``done`` or ``failed``; ``reused`` where the store
        held it; ``killed`` where its process ended without a word and is tried again.
    cell, key
        The cell's name for a reader, and its content key.
    what, done, total
        Of a step: its name, the work done and all of it.
    reason
        Of a failure: one line. `trace` holds Python's own account where it was unexpected.
    seconds, items, memory_bytes
        Of a finished cell: wall time, questions asked, and the most memory its process held.
    time, host, pid
        When (UTC, by that machine's clock) and where.
    """

    kind: Kind
    cell: str
    key: str
    what: str = ""
    done: int = 0
    total: int = 0
    reason: str = ""
    trace: str = ""
    seconds: float = 0.0
    items: int = 0
    memory_bytes: int = 0
    time: str = ""
    host: str = ""
    pid: int = 0


class EventLog:
    """Appends to this machine's file of a run folder."""

    def __init__(self, root: Path) -> None:
        host = socket.gethostname()
        self._path = root / EVENTS / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', host)[:64]}.jsonl"
        self._mark = {"host": host, "pid": os.getpid()}
        self._broken = False

    def write(self, event: Event) -> None:
        """Append an event; a log that cannot be written is said once and costs no cell."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        content = {k: v for k, v in asdict(event).items() if v not in ("", 0)}
        line = json.dumps(content | {"time": now} | self._mark) + "\n"
        try:
            self._path.parent.mkdir(exist_ok=True)
            # One write to a file opened for appending: lines of several processes do not mix.
            handle = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
            try:
                os.write(handle, line.encode())
            finally:
                os.close(handle)
        except OSError as error:
            if not self._broken:
                _log.warning("the event log %s cannot be written (%s)", self._path, error)
            self._broken = True


class EventReader:
    """Reads all machines' events of a run folder, each one once."""

    def __init__(self, root: Path) -> None:
        self._folder = root / EVENTS
        self._read: dict[Path, int] = {}

    def skip(self) -> None:
        """Leave out what has been written so far."""
        self._read = {path: path.stat().st_size for path in self._folder.glob("*.jsonl")}

    def new(self, steps_of: Collection[str] | None = None) -> Iterator[Event]:
        """Yield what has been written since the last call, machine by machine.

        Most lines are steps. Where `steps_of` names cells by key, those of others are left out
        before they are parsed.
        """
        for path in sorted(self._folder.glob("*.jsonl")):
            with suppress(OSError), path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # half written
                    self._read[path] = self._read.get(path, 0) + len(line)
                    if steps_of is not None and _STEP in line and _key(line) not in steps_of:
                        continue
                    event = parse_event(line)
                    if event is not None:
                        yield event


_STEP = b'"kind": "step"'


def _key(line: bytes) -> str:
    """Return the key in a line as `EventLog` writes them, without parsing it."""
    return line.partition(b'"key": "')[2].partition(b'"')[0].decode("ascii", "replace")


_TYPES = {field.name: str(field.type) for field in fields(Event)}


def parse_event(line: bytes) -> Event | None:
    """Return the event in a line, or None where it holds none that this version knows."""
    with suppress(ValueError, RecursionError):
        content: Any = json.loads(line)
        if isinstance(content, dict) and content.get("kind") in get_args(Kind):
            entries = {k: v for k, v in content.items() if _fits(v, _TYPES.get(k, ""))}
            with suppress(TypeError):  # without a name or a key
                return Event(**entries)
    return None


def _fits(value: object, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return kind in ("str", "Kind") and isinstance(value, str)
