"""Processes that execute notebooks side by side, started before their owner has imported much.

Only the standard library is imported here, so that importing goes on in both at once.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

KERNEL = "python3"
# Kernels run side by side: one thread each, and nothing that would draw a widget or a warning.
_QUIET = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
_SERVER = "illusion_lib.report.warm"
# A page waits for its kernel a good part of its time: one more than cores keep them busy.
_SIZE = min(os.cpu_count() or 1, 8) + 1


class Crew:
    """Processes that execute notebooks side by side, each page in a fork of its own.

    Importing begins at once, in the background. `execute` may be called from several threads, and
    waits while all are busy; leaving the ``with`` block ends what is still under way.

    Parameters
    ----------
    size
        How many notebooks are executed at once.
    """

    def __init__(self, size: int = _SIZE) -> None:
        self.size = size
        self._idle: SimpleQueue[TextIO] = SimpleQueue()
        pairs = [socket.socketpair() for _ in range(self.size)]
        theirs = [end.fileno() for _, end in pairs]
        self._process = subprocess.Popen(
            [sys.executable, "-m", _SERVER, *map(str, theirs)],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            env=os.environ | _QUIET,
            start_new_session=True,
        )
        for ours, end in pairs:
            self._idle.put(ours.makefile("rw", encoding="utf-8"))
            ours.close()
            end.close()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for _each in range(self.size):
            with suppress(OSError):
                self._idle.get().close()

    def stop(self) -> None:
        """End the processes with all that is under way; a waiting `execute` then returns."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()

    def execute(
        self, source: Path, target: Path, parameters: Mapping[str, Any], limit: float
    ) -> tuple[str | None, bool]:
        """Run papermill on a notebook.

        Parameters
        ----------
        source, target
            The notebook, and where papermill writes it while and after it is executed.
        parameters
            Values for the cell tagged ``parameters``; they must be expressible in JSON.
        limit
            Seconds that it may take.

        Returns
        -------
        tuple of (str or None, bool)
            What went wrong, None if nothing did; and whether it was stopped at the limit.
        """
        job = {"source": str(source), "target": str(target), "limit": limit}
        line = self._idle.get()
        try:
            line.write(json.dumps(job | {"parameters": dict(parameters)}) + "\n")
            line.flush()
            reply = line.readline()
        except OSError:
            reply = ""
        finally:
            self._idle.put(line)
        if not reply:
            return "the process that executes pages has ended", False
        message, stopped = json.loads(reply)
        return message, stopped
