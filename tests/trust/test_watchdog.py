"""An engine that stands still is replaced, and a recording that stops it is found out."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from decoding.errors import PoisonClip
from decoding.process.engine_process import EngineProcess, Restarts
from decoding.process.watchdog import Patience
from decoding.types import DecodingOptions
from tests.app.calls import submit, until
from tests.app.conftest import Start
from tests.app.planted import GIVE_UP_SECONDS, text_of, wav, wav_of
from tests.decoding.fakes import clip
from tests.trust.engines import HELD, KILLS, STALLS, open_loop_engine, sound_that

OPTIONS = DecodingOptions(language="en")
SOUND = wav(100, seed=5)
# Longer than a busy machine keeps a small loop from turning; how long it took proves nothing.
PATIENCE = Patience(longest=4.0, least=4.0, times=1.0, tick=0.1)
QUICK = Restarts(in_a_row=5, first_delay=0.01)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    folder = tmp_path / "engine"
    folder.mkdir()
    process = EngineProcess(
        partial(open_loop_engine, str(folder)), restarts=QUICK, patience=PATIENCE
    )
    yield process
    process.close()


@pytest.mark.row("F6")
def test_a_stopped_process_is_replaced_and_nothing_is_lost(engine: EngineProcess):
    victim = engine.pid
    assert victim is not None
    os.kill(victim, signal.SIGSTOP)
    futures = [engine.submit(clip(value), OPTIONS) for value in range(1, 10)]
    texts = [future.result(GIVE_UP_SECONDS).text for future in futures]
    assert len(set(texts)) == len(texts)
    assert engine.pid != victim
    assert engine.statistics().deaths == 1


@pytest.mark.row("F6")
def test_a_loop_that_stands_still_is_seen_although_the_process_answers(engine: EngineProcess):
    stalls = engine.submit(clip(STALLS, group="poison"), OPTIONS)
    assert engine.statistics().slots == 1  # the process answers
    neighbours = [engine.submit(clip(value, group="good"), OPTIONS) for value in (1, 2, 3)]
    with pytest.raises(PoisonClip):
        stalls.result(GIVE_UP_SECONDS)
    assert all(future.result(GIVE_UP_SECONDS).text for future in neighbours)
    assert engine.statistics().deaths == 2


def test_a_slow_engine_that_takes_steps_is_left_alone(engine: EngineProcess, tmp_path: Path):
    """Many times the watchdog's limit, counted in steps."""
    held = tmp_path / "engine" / HELD
    held.touch()
    before = engine.statistics().steps
    future = engine.submit(clip(1), OPTIONS)
    until(lambda: engine.statistics().steps > before + 800, "800 steps of 10 ms")
    held.unlink()
    assert future.result(GIVE_UP_SECONDS).text
    assert engine.statistics().deaths == 0


@pytest.mark.parametrize("first", [KILLS, STALLS], ids=["kills", "stalls"])
@pytest.mark.row("F6")
def test_a_poison_recording_fails_alone(start: Start, engine: EngineProcess, first: int):
    poison = np.frombuffer(SOUND[44:], "<i2").copy()
    poison[: 30 * 16_000] = sound_that(first, 30)
    running = start(engine)
    with running.client() as client:
        good = [submit(client, wav(100, seed=n)).json()["id"] for n in (1, 2)]
        bad = submit(client, wav_of(poison)).json()["id"]
        good.append(submit(client, wav(100, seed=3)).json()["id"])
        failed = running.wait(bad)
        assert (failed["status"], failed["error"]["code"]) == ("failed", "recording_stops_engine")
        for seed, job_id in enumerate(good, start=1):
            assert running.wait(job_id)["status"] == "completed"
            text = client.get(f"/v1/jobs/{job_id}/transcript").json()["text"]
            assert text == text_of(wav(100, seed=seed))
        assert client.get("/ready").status_code == 200
        assert "longform_engine_deaths_total 2.0" in client.get("/metrics").text
