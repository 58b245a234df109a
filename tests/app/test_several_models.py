"""Several models in one service: chosen by name, loaded when wanted, unloaded when idle."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import openai
import pytest
from pydantic import ValidationError

from app.engines.pool import EnginePool
from app.settings import Settings
from decoding.errors import DoesNotFit, ModelUnreadable
from decoding.process.engine_process import EngineProcess
from decoding.types import Decoder
from tests.app.calls import submit, until
from tests.app.conftest import Running, Start
from tests.app.engines.planted_models import QUICK, PlantedOpening, pool_of
from tests.app.planted import text_of, wav
from tests.trust.engines import HELD, open_loop_engine

SOUND = wav(70, seed=3)
LONG = wav(400, seed=5)
IDLE = 0.05  # seconds


def state_of(running: Running, name: str) -> str:
    found = running.service.engines.find(name)
    assert found is not None
    return found.state


def test_settings_of_several_models(tmp_path: Path):
    models = [one.model for one in Settings(models="base, turbo").each_model()]
    assert models == ["base", "turbo"]
    named = Settings(model="turbo", models="base,turbo,tiny").each_model()
    assert [one.model for one in named] == ["turbo", "base", "tiny"]
    assert all(one.is_model_named for one in named)
    alone = Settings()
    assert alone.each_model() == (alone,)
    with pytest.raises(ValidationError, match="names a model twice"):
        Settings(models="base,base")
    with pytest.raises(ValidationError, match="LONGFORM_ADAPTER"):
        Settings(models="base,tiny", adapter=tmp_path)


def test_the_model_field_chooses(start: Start):
    base, tiny = PlantedOpening("base"), PlantedOpening("tiny.en")
    running = start(engines=pool_of(base, tiny))
    client = running.openai()
    assert [model.id for model in client.models.list()][:2] == ["base", "tiny.en"]
    until(lambda: state_of(running, "base") == "open", "the default is loaded at start")
    assert state_of(running, "tiny.en") == "closed"
    for name in ("whisper-1", "base"):
        heard = client.audio.transcriptions.create(model=name, file=("a.wav", SOUND))
        assert heard.text == text_of(SOUND)
    assert not tiny.engines
    heard = client.audio.transcriptions.create(
        model="openai/whisper-tiny.en", file=("a.wav", SOUND)
    )
    assert heard.text == text_of(SOUND)
    assert tiny.engines[0].decoded > 0
    with running.client() as http:
        job = submit(http, SOUND, data={"model": "tiny.en"}).json()
        assert job["model"] == "tiny.en"
        assert running.wait(job["id"])["model"] == "tiny.en"
        assert 'longform_model_loaded{model="tiny.en"} 1.0' in http.get("/metrics").text


def test_the_same_sound_for_another_model_is_another_request(start: Start):
    """Requests that come again are joined by a fingerprint; the model is part of it."""
    base, tiny = PlantedOpening("base"), PlantedOpening("tiny.en")
    running = start(engines=pool_of(base, tiny), models="base,tiny.en")
    client = running.openai()
    for name in ("base", "tiny.en"):
        client.audio.transcriptions.create(model=name, file=("a.wav", SOUND))
    assert tiny.engines[0].decoded == base.engines[0].decoded


def test_an_idle_model_is_unloaded_and_the_service_stays_ready(start: Start):
    base = PlantedOpening("base")
    running = start(engines=pool_of(base, idle_seconds=IDLE))
    client = running.openai()
    for times in (1, 2, 3):
        heard = client.audio.transcriptions.create(model="base", file=("a.wav", wav(5, seed=times)))
        assert heard.text == text_of(wav(5, seed=times))
        until(lambda: state_of(running, "base") == "closed", "it is unloaded")
        with running.client() as http:
            assert http.get("/ready").status_code == 200
    assert len(base.engines) >= 3


def test_a_job_that_comes_while_its_model_is_unloaded_is_done(start: Start):
    base = PlantedOpening("base")
    running = start(engines=pool_of(base, idle_seconds=IDLE))
    jobs: list[str] = []

    def close() -> None:
        assert state_of(running, "base") == "closing"
        with running.client() as http:
            jobs.append(submit(http, SOUND).json()["id"])

    until(lambda: base.engines, "it was loaded")
    base.engines[0].close = close  # type: ignore[method-assign]  # comes at just this moment
    until(lambda: jobs, "it is being unloaded")
    assert running.wait(jobs[0])["status"] == "completed"
    assert base.engines[1].decoded > 0


def process_in(room: Path) -> Callable[..., Decoder]:
    room.mkdir()
    return lambda _tell: EngineProcess(partial(open_loop_engine, str(room)))


@pytest.fixture
def processes(tmp_path: Path):
    """A pool of one model in a process of its own, unloaded when idle."""
    with ExitStack() as stack:

        def pool(**more: float) -> tuple[EnginePool, Path]:
            room = tmp_path / "engine"
            made = EnginePool({"planted": process_in(room)}, pauses=QUICK, **more)
            stack.callback(made.close)
            return made, room

        yield pool


@pytest.mark.slow
def test_an_engine_killed_while_it_is_unloaded_comes_back(start: Start, processes):
    pool, _room = processes(idle_seconds=IDLE)
    killed: list[int] = []
    begin = pool._begin_closing

    def kill_first(engine) -> None:
        killed.append(engine.decoder.pid)
        os.kill(killed[-1], signal.SIGKILL)
        begin(engine)

    pool._begin_closing = kill_first
    running = start(engines=pool)
    until(lambda: killed, "it was killed and unloaded")
    until(lambda: state_of(running, "planted") == "closed", "it is gone")
    with running.client() as http:
        assert http.get("/ready").status_code == 200
        job = submit(http, SOUND).json()["id"]
    assert running.wait(job)["status"] == "completed"


@pytest.mark.slow
def test_an_engine_killed_at_work_is_never_unloaded_before_its_job_is_done(start: Start, processes):
    pool, room = processes(idle_seconds=IDLE)
    (room / HELD).touch()
    running = start(engines=pool)
    with running.client() as http:
        job = submit(http, LONG).json()["id"]
    until(lambda: pool.statistics().queued, "its windows have reached the engine")
    os.kill(pool._engines["planted"].decoder.pid, signal.SIGKILL)
    (room / HELD).unlink()
    assert running.wait(job)["status"] == "completed"
    assert pool.statistics().deaths == 1


def test_jobs_of_two_models_survive_a_restart_each_with_its_own(start: Start):
    with ExitStack() as stack:
        openings = [
            PlantedOpening("base", free_windows=3),
            PlantedOpening("tiny.en", free_windows=3),
        ]
        running = start(engines=pool_of(*openings), until=stack)
        with running.client() as http:
            jobs = {
                name: [submit(http, LONG, data={"model": name}).json()["id"] for _ in range(3)]
                for name in ("base", "tiny.en")
            }
        until(lambda: all(one.engines and one.engines[0].decoded == 3 for one in openings), "held")
    base, tiny = PlantedOpening("base"), PlantedOpening("tiny.en")
    running = start(engines=pool_of(base, tiny))
    for name, ids in jobs.items():
        for job in ids:
            ended = running.wait(job)
            assert (ended["status"], ended["model"]) == ("completed", name)
    assert base.engines[0].decoded > 0
    assert tiny.engines[0].decoded > 0


def test_a_model_that_does_not_fit_waits_for_the_others_to_go(start: Start):
    """Two models on a card that holds one: both queues are worked off, by turns."""
    room: list[str] = []

    class Tight(PlantedOpening):
        def __call__(self, tell) -> Decoder:
            if room:
                raise DoesNotFit(f"{self.name} does not fit")
            engine = super().__call__(tell)
            room.append(self.name)
            close = engine.close

            def leave() -> None:
                room.remove(self.name)
                close()

            engine.close = leave
            return engine

    running = start(engines=pool_of(Tight("base"), Tight("turbo")))
    with running.client() as http:
        jobs = [
            submit(http, wav(40, seed=number), data={"model": name}).json()["id"]
            for number, name in enumerate(("base", "turbo", "base", "turbo"))
        ]
    assert [running.wait(job)["status"] for job in jobs] == ["completed"] * 4
    assert len(room) == 1


def test_a_model_that_fits_nowhere_says_so(start: Start):
    running = start(engines=pool_of(PlantedOpening("base", *[DoesNotFit("too large")] * 10_000)))
    with running.client() as http:
        until(lambda: "does not fit" in http.get("/ready").text, "it is told")
        assert http.get("/ready").json()["error"]["code"] == "model_unavailable"
        job = submit(http, SOUND).json()
        assert job["status"] == "queued"  # there may be room later


def test_jobs_of_a_damaged_model_fail_and_others_go_on(start: Start):
    broken = PlantedOpening("broken", ModelUnreadable("damaged"))
    running = start(engines=pool_of(PlantedOpening("base"), broken))
    with running.client() as http:
        job = submit(http, SOUND, data={"model": "broken"}).json()["id"]
        ended = running.wait(job)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "model_unusable")
        later = submit(http, SOUND, data={"model": "base"}).json()["id"]
        assert running.wait(later)["status"] == "completed"
        assert http.get("/ready").status_code == 200
    client = running.openai()
    with pytest.raises(openai.InternalServerError) as error:
        client.audio.transcriptions.create(model="broken", file=("a.wav", SOUND))
    assert error.value.code == "model_unavailable"
