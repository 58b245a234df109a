"""What services and workers that pass clips through Postgres share: leases, notifications.

Who asks is app/storage/asked_clips.py's, who decodes app/storage/taken_clips.py's. All times are
the database's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from app.storage.clip_codecs import encode_outcome
from app.storage.clip_tables import askers, clips, create, workers
from app.storage.tables import DATABASE_ERRORS, open_engine
from decoding.errors import PoisonClip

KILLS_OF_A_CULPRIT = 2
LOCK_SHARE = 0.2  # of a lease that ending those of others waits for a lock
LISTEN_SECONDS = 1.0  # that a listener takes to notice that it is to stop
FOR_WORKERS = "longform_clips"  # the channel on which workers hear of clips
NOW = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Float)
NO_OUTCOME = clips.c.outcome.is_(None)
POISON = PoisonClip("two workers died of this recording")


@dataclass(frozen=True, slots=True)
class EngineKind:
    """What makes engines alike: a service's clips are decoded by workers of the same kind alone."""

    model: str
    release: str

    def has(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Whether a row is of this kind."""
        return sa.and_(table.c.model == self.model, table.c.release == self.release)


class ClipQueue:
    """The queue as the service or worker called `name` sees it, and its lease.

    Every method is one transaction. Raises `DatabaseUnusable`, and `DATABASE_ERRORS` everywhere.
    """

    def __init__(self, url: str, name: str, kind: EngineKind, lease_seconds: float) -> None:
        self._engine = open_engine(url)
        create(self._engine)
        self._name = name
        self._kind = kind
        self._lease = lease_seconds
        self._lock_milliseconds = max(1, round(lease_seconds * LOCK_SHARE * 1000))

    def close(self) -> None:
        self._engine.dispose()

    def take_over(self) -> list[str]:
        """End leases that are over. What dead workers had waits again, as suspect; who died of it
        alone counts, and at the second such death the recording is told to be poison. What dead
        services asked is deleted. The names of both."""
        with self._engine.begin() as connection:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = {self._lock_milliseconds}"))
            names: list[str] = []
            for table in (workers, askers):
                is_over = sa.and_(table.c.until < NOW, table.c.id != self._name)
                ended = sa.delete(table).where(is_over).returning(table.c.id)
                names += connection.execute(ended).scalars()
            if names:
                of_nobody = clips.c.asker.not_in(sa.select(askers.c.id))
                connection.execute(sa.delete(clips).where(of_nobody))
                _give_away(connection)
                tell(connection, FOR_WORKERS)
            return names

    def listen(self, channel: str, heard: Callable[[], None], stopping: threading.Event) -> None:
        """Call `heard` after every notification, in a connection of its own, until `stopping` or
        until the connection is lost."""
        quiet = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with suppress(*DATABASE_ERRORS), quiet.connect() as connection:
            try:
                connection.exec_driver_sql(f'LISTEN "{channel}"')
                driver = connection.connection.driver_connection
                assert driver is not None
                while not stopping.is_set():
                    for _ in driver.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                        heard()
            except quiet.dialect.loaded_dbapi.Error:
                return
            finally:
                connection.invalidate()  # no other user of it is to hear


def tell(connection: sa.Connection, channel: str) -> None:
    connection.execute(sa.select(sa.func.pg_notify(channel, "")))


def _give_away(connection: sa.Connection) -> None:
    """Clips of workers that hold no lease wait for another."""
    is_taken = clips.c.worker.is_not(None)
    lost = sa.and_(NO_OUTCOME, is_taken, clips.c.worker.not_in(sa.select(workers.c.id)))
    again = {
        "worker": None,
        "is_suspect": True,
        "is_alone": False,
        "kills": clips.c.kills + sa.cast(clips.c.is_alone, sa.Integer),
    }
    connection.execute(sa.update(clips).where(lost).values(**again))
    recording = sa.tuple_(clips.c.asker, clips.c.group)
    culprits = sa.select(clips.c.asker, clips.c.group).where(clips.c.kills >= KILLS_OF_A_CULPRIT)
    poisoned = sa.update(clips).where(NO_OUTCOME, recording.in_(culprits))
    connection.execute(poisoned.values(outcome=encode_outcome(POISON)))
