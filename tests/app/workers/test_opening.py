from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.engines.opening import ModelOpening
from app.engines.states import Progress
from app.release import release
from app.settings import Settings
from app.storage.clip_queue import EngineKind
from app.workers import opening
from app.workers.opening import kind_of, open_worker, open_workers
from decoding.errors import EngineAway
from decoding.types import DecodingOptions
from tests.app.planted import PlantedDecoder
from tests.decoding.fakes import clip


def test_workers_of_another_adapter_decode_something_else():
    url = "postgresql://a/b"
    assert kind_of(Settings(workers_url=url, model="turbo")) == EngineKind("turbo", release())
    adapted = Settings(workers_url=url, model="turbo", adapter=Path("/models/clinic"))
    assert kind_of(adapted) == EngineKind("turbo+clinic", release())


def test_no_worker_in_time_is_an_engine_that_is_away(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(EngineAway, match="no worker of this model"):
        open_workers(Settings(workers_url=url, model="lonely"), threading.Event())


def test_who_stops_waits_for_no_worker(url: str):
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(EngineAway):
        open_workers(Settings(workers_url=url, model="lonely"), stopping)


def test_a_service_waits_for_its_first_worker_and_opens_by_it(url: str):
    settings = Settings(workers_url=url, model="planted")
    worker, stopping = open_worker(settings, lambda: PlantedDecoder(slots=3)), threading.Event()
    thread = threading.Thread(target=worker.run, args=(stopping,), daemon=True)
    told: list[str] = []

    def tell(progress: Progress) -> None:
        told.append(progress.sentence)
        if progress.phase == "waiting_for_worker":
            thread.start()

    opened = ModelOpening(settings, threading.Event())(tell)
    assert told == ["waits for a worker", "is loaded and warms up"]
    assert opened.statistics().slots == 3
    assert opened.submit(clip(1), DecodingOptions()).result(60).text
    opened.close()
    stopping.set()
    worker.wake()
    thread.join(10)
