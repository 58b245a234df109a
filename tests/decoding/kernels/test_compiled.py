"""Compiled loops are kept for the next process, and work where nothing can be kept."""

import os
import subprocess
import sys
from pathlib import Path

from decoding.kernels.compiled import compiled

LOOP = """
from decoding.kernels.compiled import compiled

@compiled()
def total(numbers: list) -> int:
    found = 0
    for number in numbers:
        found += number
    return found

assert total((1, 2, 3)) == 6
print(sum(total.stats.cache_hits.values()), sum(total.stats.cache_misses.values()))
"""


def test_the_next_process_compiles_nothing(tmp_path: Path) -> None:
    source = tmp_path / "loop.py"
    source.write_text(LOOP)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def run() -> str:
        command = [sys.executable, str(source)]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert run() == "0 1"
    assert run() == "1 0"


def test_without_a_place_to_keep_it() -> None:
    names: dict[str, object] = {}
    exec("def double(x):\n    return 2 * x\n", names)  # of no file
    assert compiled()(names["double"])(21) == 42  # type: ignore[arg-type]
