from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from decoding.errors import (
    EngineAway,
    EngineFailed,
    ModelNotFound,
    PoisonClip,
    QueueFull,
    UnsupportedOption,
)
from decoding.process.engine_process import EngineProcess, Restarts
from decoding.types import DecodingOptions, Expected
from tests.decoding import fakes
from tests.decoding.fakes import Summing, clip, expected

OPTIONS = DecodingOptions(language="en")
QUICK = Restarts(in_a_row=5, first_delay=0.01)


@pytest.fixture(scope="module")
def shared() -> Iterator[EngineProcess]:
    process = EngineProcess(Summing)
    yield process
    process.close()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_results_come_back_under_their_clip(shared: EngineProcess) -> None:
    futures = [shared.submit(clip(value), OPTIONS) for value in range(1, 60)]
    assert [f.result(10).text for f in futures] == [expected(v) for v in range(1, 60)]
    assert shared.model == fakes.CARD
    assert shared.pid != os.getpid()


def test_float_samples_arrive_exactly(shared: EngineProcess) -> None:
    whole = clip(3, length=480_000, dtype=np.float32)
    assert shared.submit(whole, OPTIONS).result(10).text == expected(3, 480_000)


def test_what_a_clip_needs_is_told_too(shared: EngineProcess) -> None:
    brief = replace(clip(3), expected=Expected(needed_until=2.5))
    assert shared.submit(brief, OPTIONS).result(10).text == f"{expected(3)} needed until 2.5"
    spoken = replace(clip(3), expected=Expected(spoken_until=1.5, spoken_seconds=0.5))
    heard = shared.submit(spoken, OPTIONS).result(10).text
    assert heard == f"{expected(3)} spoken until 1.5, 0.5 s"


def test_errors_keep_their_class_and_words(shared: EngineProcess) -> None:
    with pytest.raises(UnsupportedOption, match="not this one"):
        shared.submit(clip(fakes.UNSUPPORTED), OPTIONS).result(10)


def test_error_that_cannot_travel_keeps_its_words(shared: EngineProcess) -> None:
    with pytest.raises(EngineFailed, match="StrangeError: strange"):
        shared.submit(clip(fakes.STRANGE), OPTIONS).result(10)
    assert shared.submit(clip(1), OPTIONS).result(10).text == expected(1)


def test_statistics_come_from_the_child(shared: EngineProcess) -> None:
    before = shared.statistics().windows_decoded
    shared.submit(clip(1), OPTIONS).result(10)
    after = shared.statistics()
    assert after.windows_decoded == before + 1
    assert after.slots == 1
    assert after.queued == 0


def test_cancel_drops_the_group_alone() -> None:
    process = EngineProcess(partial(Summing, 0.05))
    try:
        mine = [process.submit(clip(1, group="mine"), OPTIONS) for _ in range(20)]
        other = process.submit(clip(2, group="other"), OPTIONS)
        process.cancel("mine")
        assert other.result(10).text == expected(2)
        assert sum(not f.cancelled() for f in mine) <= 1
        with pytest.raises(CancelledError):
            mine[-1].result(1)
    finally:
        process.close()


def test_future_cancelled_by_its_owner_harms_nobody() -> None:
    process = EngineProcess(partial(Summing, 0.05))
    try:
        first, second = (process.submit(clip(v), OPTIONS) for v in (1, 2))
        assert first.cancel()
        assert second.result(10).text == expected(2)
    finally:
        process.close()


def test_full_queue_is_refused_at_once_and_opens_again() -> None:
    process = EngineProcess(partial(Summing, 0.2), capacity=2)
    try:
        futures = [process.submit(clip(v), OPTIONS) for v in (1, 2)]
        with pytest.raises(QueueFull):
            process.submit(clip(3), OPTIONS)
        assert [f.result(10).text for f in futures] == [expected(1), expected(2)]
        assert process.submit(clip(3), OPTIONS).result(10).text == expected(3)
    finally:
        process.close()


def test_killed_in_flight_is_replaced_and_answers_are_the_same() -> None:
    process = EngineProcess(partial(Summing, 0.01), restarts=QUICK)
    try:
        futures = [process.submit(clip(value), OPTIONS) for value in range(1, 41)]
        futures[3].result(10)
        victim = process.pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        assert [f.result(20).text for f in futures] == [expected(v) for v in range(1, 41)]
        assert process.pid != victim
        assert process.statistics().windows_decoded >= 40  # of both lives
    finally:
        process.close()


def test_poison_recording_fails_after_two_deaths_and_its_company_does_not(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    process = EngineProcess(partial(Summing, 0.0, str(pids)), restarts=QUICK)
    try:
        values = [1, 2, fakes.POISON, 3, 4, 5]
        futures = {v: process.submit(clip(v, group=f"of {v}"), OPTIONS) for v in values}
        with pytest.raises(PoisonClip, match="died of this recording"):
            futures.pop(fakes.POISON).result(30)
        assert {v: f.result(20).text for v, f in futures.items()} == {
            v: expected(v) for v in (1, 2, 3, 4, 5)
        }
        assert process.is_alive
        assert len(pids.read_text().split()) == 1 + 2
        assert process.statistics().deaths == 2
    finally:
        process.close()


def test_lonely_poison_clip_fails_after_two_deaths(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    process = EngineProcess(partial(Summing, 0.0, str(pids)), restarts=QUICK)
    try:
        with pytest.raises(EngineFailed):
            process.submit(clip(fakes.POISON), OPTIONS).result(20)
        assert process.submit(clip(1), OPTIONS).result(20).text == expected(1)
        assert len(pids.read_text().split()) == 3
    finally:
        process.close()


def test_engine_that_lost_its_device_is_replaced() -> None:
    process = EngineProcess(partial(Summing, 0.01), restarts=QUICK)
    try:
        first = process.pid
        lost = process.submit(clip(fakes.LOST), OPTIONS)
        with pytest.raises(EngineFailed):
            lost.result(20)
        assert process.submit(clip(1), OPTIONS).result(20).text == expected(1)
        assert process.pid != first
    finally:
        process.close()


def test_process_that_cannot_be_replaced_is_away_until_it_can(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    factory = partial(fakes.works_unless, str(broken))
    process = EngineProcess(factory, restarts=Restarts(in_a_row=2, first_delay=0.01))
    try:
        broken.touch()
        future = process.submit(clip(fakes.POISON), OPTIONS)
        with pytest.raises(EngineAway):
            future.result(20)
        assert not process.is_alive
        with pytest.raises(EngineAway):
            process.submit(clip(1), OPTIONS)
        broken.unlink()
        assert wait_until(lambda: process.is_alive)
        assert process.submit(clip(1), OPTIONS).result(20).text == expected(1)
        assert process.statistics().deaths >= 3
    finally:
        process.close()


def test_the_rate_of_restarts_is_bounded() -> None:
    delays = [Restarts().delay(deaths) for deaths in (1, 2, 3, 10, 10_000)]
    assert delays == [0.25, 0.5, 1.0, 30.0, 30.0]


def test_error_at_start_is_raised_here() -> None:
    with pytest.raises(ModelNotFound, match="no model is called xyz"):
        EngineProcess(fakes.missing_model)


def test_death_at_start_is_an_error_here() -> None:
    with pytest.raises(EngineFailed, match="while it started"):
        EngineProcess(fakes.dies_at_start)


def test_close_leaves_no_process_and_cancels_what_waits() -> None:
    process = EngineProcess(partial(Summing, 0.1))
    futures = [process.submit(clip(1), OPTIONS) for _ in range(5)]
    pid = process.pid
    assert pid is not None
    process.close()
    process.close()
    assert not is_running(pid)
    assert all(f.done() for f in futures)
    assert futures[-1].cancelled()
    assert not process.is_alive


def test_close_while_the_replacement_loads_is_quick(tmp_path: Path) -> None:
    factory = partial(fakes.slow_start, 60.0, str(tmp_path / "marker"))
    process = EngineProcess(factory, restarts=QUICK)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: process.pid not in {None, first})
    assert process.statistics().slots == 0  # answered although nobody is there
    started = time.monotonic()
    replacement = process.pid
    process.close()
    assert time.monotonic() - started < 4.0
    assert replacement is not None
    assert not is_running(replacement)


PARENT = """
import sys, time
from functools import partial
from decoding.process.engine_process import EngineProcess
from decoding.types import DecodingOptions
from tests.decoding.fakes import Summing, clip

if __name__ == "__main__":
    process = EngineProcess(partial(Summing, 0.3))
    print(process.pid, flush=True)
    try:
        print(process.submit(clip(2), DecodingOptions(language="en")).result().text, flush=True)
        time.sleep(60 if "sleep" in sys.argv else 0)
    except KeyboardInterrupt:
        print("interrupted", process.submit(clip(1), DecodingOptions()).result().text, flush=True)
"""


LOADING = """
from decoding.process.engine_process import EngineProcess
from tests.decoding.fakes import loading

if __name__ == "__main__":
    try:
        EngineProcess(loading)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


UNKNOWN = """
import sys
from decoding.process.shared_memory import SharedMemoryPool
from decoding.process.worker_process import WorkerProcess
from tests.decoding.fakes import loading

if __name__ == "__main__":
    worker = WorkerProcess(loading, SharedMemoryPool(1), "unknown")
    sys.stdin.readline()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "parent.py"


@pytest.fixture
def parent(script: Path) -> Iterator[subprocess.Popen[str]]:
    script.write_text(PARENT)
    with started(script) as parent:
        yield parent


@pytest.fixture
def loading_parent(script: Path) -> Iterator[subprocess.Popen[str]]:
    script.write_text(LOADING)
    with started(script) as parent:
        yield parent


@contextmanager
def started(script: Path) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, str(script), "sleep"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    ) as parent:
        try:
            yield parent
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


def test_killed_parent_takes_the_child_along(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout
    worker = int(parent.stdout.readline())
    assert is_running(worker)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not is_running(worker))


def test_interrupt_leaves_the_engine_to_the_parent(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout
    worker = int(parent.stdout.readline())
    assert parent.stdout.readline().strip() == expected(2)
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.stdout.readline().strip() == "interrupted 100 1 None"
    assert parent.wait(10) == 0  # it never called close: leaving is enough
    assert not is_running(worker)


def test_interrupt_while_the_engine_loads_ends_it(loading_parent: subprocess.Popen[str]) -> None:
    """The child hears no interrupt and no request to end; leaving would wait for it for ever."""
    assert loading_parent.stdout
    worker = int(loading_parent.stdout.readline())  # told by the child
    os.killpg(loading_parent.pid, signal.SIGINT)
    assert loading_parent.stdout.readline().strip() == "interrupted"
    assert loading_parent.wait(10) == 0
    assert not is_running(worker)


def test_worker_that_nobody_got_to_know_does_not_outlive_its_parent(script: Path) -> None:
    """As one whose parent is interrupted between starting it and keeping it."""
    script.write_text(UNKNOWN)
    with started(script) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        parent.communicate("\n", timeout=10)
        assert parent.returncode == 0
        assert not is_running(worker)
