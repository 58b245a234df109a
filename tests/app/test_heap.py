"""Threads of the service allocate from one heap."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

THREADS = 8
COUNT_ARENAS = """
import ctypes, sys, threading
from app.heap import share_heap
if sys.argv[1] == "shared":
    share_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc_info.argtypes = (ctypes.c_int, ctypes.c_void_p)
libc.fopen.restype = ctypes.c_void_p
libc.fclose.argtypes = (ctypes.c_void_p,)
together = threading.Barrier(int(sys.argv[2]))

def allocate():
    libc.malloc(2000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = libc.fopen(sys.argv[3].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas_of(mode: str, folder: Path) -> int:
    """How many arenas eight threads that are alive at once have allocated from."""
    report = folder / mode
    command = [sys.executable, "-c", COUNT_ARENAS, mode, str(THREADS), str(report)]
    subprocess.run(command, check=True)
    return report.read_text().count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another library allocates here")
def test_threads_share_one_heap(tmp_path: Path):
    assert arenas_of("own", tmp_path) > 1
    assert arenas_of("shared", tmp_path) == 1
