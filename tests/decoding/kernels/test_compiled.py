"""Compiled loops are kept for the next process, and work where nothing can be kept."""

import os
import subprocess
import sys
from pathlib import Path

from decoding.kernels import compiled as compiled_module
from decoding.kernels.compiled import compiled

ROOT = Path(__file__).parents[3]
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


CALLED = """
from compiled import compiled

@compiled()
def several(number: int) -> int:
    return number * {by}
"""

CALLER = """
from called import several
from compiled import compiled

@compiled()
def answer() -> int:
    return several(21)

print(answer(), sum(answer.stats.cache_hits.values()))
"""


ATTENTION = """
import zlib, torch
from tests.decoding.kernels.test_eight_bit_attention import attend, made_up

torch.set_num_threads(1)
print(zlib.crc32(attend(*made_up(1, 5)).numpy().tobytes()))
"""


def test_a_process_that_compiles_computes_what_the_next_one_does(tmp_path: Path) -> None:
    """To the bit. Its loop called a function as it was compiled alone, the next one's its own."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def run() -> str:
        command = [sys.executable, "-c", ATTENTION]
        return subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    first = run()
    assert list((tmp_path / "kept").rglob("*.nbc"))
    assert run() == first


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


def test_a_loop_is_made_anew_when_another_has_changed(tmp_path: Path) -> None:
    """It holds what it calls, in whatever file that is."""
    (tmp_path / "called.py").write_text(CALLED.format(by=2))
    (tmp_path / "caller.py").write_text(CALLER)
    kernels = tmp_path / "compiled.py"
    kernels.write_text(Path(compiled_module.__file__).read_text(encoding="utf-8"))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}

    def run() -> str:
        command = [sys.executable, str(tmp_path / "caller.py")]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert run() == "42 0"
    assert run() == "42 1"
    (tmp_path / "called.py").write_text(CALLED.format(by=3))
    assert run() == "63 0"


def test_ways_to_keep_loops_that_a_user_named_are_his(tmp_path: Path) -> None:
    source = tmp_path / "loop.py"
    source.write_text(LOOP + "\nimport numba; print(numba.config.CACHE_LOCATOR_CLASSES)")
    told = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    environment = {**os.environ, **told, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    command = [sys.executable, str(source)]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["0", "1", "UserProvidedCacheLocator"]


def test_without_a_place_to_keep_it() -> None:
    names: dict[str, object] = {}
    exec("def double(x):\n    return 2 * x\n", names)  # of no file
    assert compiled()(names["double"])(21) == 42  # type: ignore[arg-type]
