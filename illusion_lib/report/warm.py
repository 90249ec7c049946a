"""Execute notebooks with papermill in processes forked from one that has imported what pages need.

A fresh kernel spends some seconds on imports before its first cell; a forked one has them. Each
page gets two processes of its own, papermill's and the kernel's, so that one that hangs or dies
takes nothing else with it. Needs ``fork``, which Linux and macOS have.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from typing import Any, cast

import nbformat
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from illusion_lib.report.crew import KERNEL
from illusion_lib.report.lean import without

_GRACE = 15
# What the pages import, other than torch: few need it, and it is slow and starts threads.
_PRELOADED = (
    "papermill",
    "ipykernel.kernelapp",
    "IPython.core.completerlib",
    "IPython.core.oinspect",
    "illusion_lib.anchors",
    "illusion_lib.report.anchor_parts",
    "illusion_lib.report.evidence",
    "illusion_lib.report.explorer",
    "illusion_lib.report.figures",
    "illusion_lib.report.load",
    "illusion_lib.report.provenance",
    "illusion_lib.report.start",
    "matplotlib.backends.backend_svg",
)
_FORK: Any = multiprocessing.get_context("fork")


def serve(lines: Sequence[int]) -> None:
    """Import what the pages need, then fork a worker for each socket in `lines`."""
    _heat()
    workers = [_FORK.Process(target=_work, args=(own, lines)) for own in lines]
    for worker in workers:
        worker.start()
    for line in lines:
        os.close(line)
    for worker in workers:
        worker.join()


def _heat() -> None:
    """Do once what each page would do first."""
    without("debugpy", "ipykernel.debugger")  # nobody debugs a page while it is executed
    for module in _PRELOADED:
        import_module(module)
    nbformat.validate(nbformat.v4.new_notebook())
    KernelProvisionerFactory.instance()


def _work(own: int, lines: Sequence[int]) -> None:
    """Execute the pages that are asked for, one after the other."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    for other in lines:
        if other != own:
            os.close(other)
    # Whoever asked may have ended meanwhile: then there is nobody to tell.
    with suppress(OSError), socket.socket(fileno=own) as line, line.makefile("rw") as channel:
        for request in iter(channel.readline, ""):
            channel.write(json.dumps(_execute(json.loads(request))) + "\n")
            channel.flush()


def _execute(job: dict[str, Any]) -> tuple[str | None, bool]:
    """Execute one page in processes of its own and leave none of them behind."""
    limit = job["limit"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        page = _FORK.Process(target=_papermill, args=(job, log.fileno()))
        page.start()
        try:
            page.join(limit)
            stopped = page.is_alive()
            if stopped:
                # Papermill ends its kernel when it is asked to; it is not asked twice.
                os.kill(page.pid, signal.SIGINT)
                page.join(_GRACE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(page.pid, signal.SIGKILL)
            page.join()
        if stopped:
            return f"took longer than {limit:g} s and was stopped", True
        if page.exitcode == 0:
            return None, False
        log.seek(0)
        lines = [line.strip() for line in log if line.strip()]
    return (lines[-1] if lines else f"papermill ended with status {page.exitcode}"), False


def _papermill(job: dict[str, Any], log: int) -> None:
    """Execute a notebook; runs in a process, and a process group, of its own."""
    os.setpgid(0, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # The kernel is forked here, before anything has opened a socket or begun a loop.
    _Forked.waiting = _Kernel()
    factory = KernelProvisionerFactory.instance()
    factory.provisioners["forked"] = EntryPoint("forked", f"{__name__}:_Forked", factory.GROUP_NAME)
    factory.default_provisioner_name = "forked"
    import papermill
    from papermill.engines import NBClientEngine, papermill_engines

    class Sparing(NBClientEngine):  # type: ignore[misc]  # papermill has no types
        """Write the notebook when it has ended, well or not, in place of twice a cell."""

        @classmethod
        def execute_managed_notebook(cls, manager: Any, *args: Any, **kwargs: Any) -> None:
            manager.save = lambda **_: None
            try:
                super().execute_managed_notebook(manager, *args, **kwargs)
            finally:
                del manager.save
                manager.save()

    papermill_engines.register("sparing", Sparing)
    try:
        papermill.execute_notebook(
            job["source"],
            job["target"],
            job["parameters"],
            engine_name="sparing",
            kernel_name=KERNEL,
            progress_bar=False,
            start_timeout=60,
            execution_timeout=int(job["limit"]),
            shutdown_kernel="immediate",
        )
    finally:
        _Forked.waiting.send_signal(signal.SIGKILL)


class _Kernel:
    """A forked process that waits for the command line of a kernel; looks like a ``Popen``."""

    stdin = stdout = stderr = None

    def __init__(self) -> None:
        receiver, self._sender = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_kernel, args=(receiver,))
        self._process.start()
        self.pid: int = self._process.pid

    def begin(self, command: Sequence[str]) -> None:
        self._sender.send(list(command))

    def poll(self) -> int | None:
        code: int | None = self._process.exitcode
        return code

    def wait(self) -> int | None:
        self._process.join()
        return self.poll()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class _Forked(LocalProvisioner):
    """Give Jupyter the kernel that waits in place of a new one."""

    waiting: _Kernel

    async def launch_kernel(self, cmd: list[str], **_: Any) -> Any:
        self.process = cast(Any, self.waiting)
        self.pid = self.waiting.pid
        self.waiting.begin(cmd)
        return self.connection_info


def _kernel(receiver: Connection) -> None:
    """Become the kernel that the first message asks for."""
    command = receiver.recv()
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    from ipykernel.kernelapp import IPKernelApp

    # A page's code is no history of the person whose machine this is.
    IPKernelApp.launch_instance(
        argv=[*command[command.index("-f") :], "--HistoryManager.enabled=False"]
    )


if __name__ == "__main__":
    serve([int(line) for line in sys.argv[1:]])
