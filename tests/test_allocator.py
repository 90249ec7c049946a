"""What large tensors leave is used again: the system is not asked for the same memory anew."""

import platform
import resource
import subprocess
import sys

import pytest

from illusion_lib.allocator import keep_freed_memory

# Eight times 48 MiB, more than the library keeps of itself: 12,288 pages of 4 KiB each time anew.
FAULTS = """
import ctypes, resource
from illusion_lib.allocator import keep_freed_memory
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
def use():
    block = ctypes.c_void_p(library.malloc(48 << 20))
    ctypes.memset(block, 1, 48 << 20)
    library.free(block)
{call}
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can")
def test_freed_memory_is_used_again():
    pages = 8 * (48 << 20) // resource.getpagesize()
    assert _faults("") > 0.9 * pages
    assert _faults("assert keep_freed_memory()") < 0.1 * pages


def _faults(call: str) -> int:
    command = [sys.executable, "-c", FAULTS.format(call=call)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_another_c_library_is_no_failure(monkeypatch):
    monkeypatch.setattr("illusion_lib.allocator.ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory.__wrapped__()
