"""The clips that a service has put into the queue for workers, as the service sees them.

Sends and collects; what becomes of a clip that nobody answers is app/workers/queue_decoder.py's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.storage.clip_codecs import (
    decode_card,
    decode_outcome,
    encode_request,
    encode_samples,
)
from app.storage.clip_queue import FOR_WORKERS, NOW, ClipQueue, tell
from app.storage.clip_tables import askers, clips, workers
from decoding.errors import DecodingError
from decoding.types import Clip, Decoded, DecodingOptions, ModelCard

VACUUM_AFTER = 256  # clips that were deleted; their sound lies on the database's disk until then


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """A worker that lives: its engine's card, and how many clips it decodes at once."""

    card: ModelCard
    slots: int


@dataclass(frozen=True, slots=True)
class AskedClip:
    """A clip and the number under which it is answered."""

    number: int
    clip: Clip
    options: DecodingOptions


class AskedClips(ClipQueue):
    """The clips of one service, asked for by `name`."""

    _deleted = 0

    @property
    def channel(self) -> str:
        """On which this service hears that clips were answered."""
        return answers_for(self._name)

    def renew(self) -> bool:
        """Hold the lease from now on; False when it had to be taken anew."""
        with self._engine.begin() as connection:
            return self._renew(connection)

    def workers(self) -> list[WorkerCard]:
        """Those of our kind that live."""
        query = sa.select(workers.c.card, workers.c.slots)
        query = query.where(self._kind.has(workers), workers.c.until > NOW).order_by(workers.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [WorkerCard(decode_card(row.card), row.slots) for row in rows]

    def put(self, asked: Sequence[AskedClip]) -> None:
        """Let these wait for workers; those that are there already stay as they are."""
        rows = [self._row(one) for one in asked]
        with self._engine.begin() as connection:
            self._renew(connection)  # or they could be taken for a dead service's
            connection.execute(insert(clips).on_conflict_do_nothing(), rows)
            tell(connection, FOR_WORKERS)

    def collect(self) -> list[tuple[int, Decoded | DecodingError]]:
        """What came of clips, by their numbers; they are deleted."""
        mine = clips.c.asker == self._name
        answered = sa.delete(clips).where(mine, clips.c.outcome.is_not(None))
        answered_rows = answered.returning(clips.c.number, clips.c.outcome)
        with self._engine.begin() as connection:
            rows = connection.execute(answered_rows).all()
        self._tidy(len(rows))
        return [(row.number, decode_outcome(row.outcome)) for row in rows]

    def numbers(self) -> set[int]:
        """Of our clips that are there, answered or not."""
        query = sa.select(clips.c.number).where(clips.c.asker == self._name)
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def drop(self, numbers: Collection[int]) -> None:
        """Nobody waits for these any more."""
        mine = sa.and_(clips.c.asker == self._name, clips.c.number.in_(numbers))
        with self._engine.begin() as connection:
            connection.execute(sa.delete(clips).where(mine))
        self._tidy(len(numbers))

    def give_up(self) -> None:
        """The lease is over, and all our clips are deleted."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(askers).where(askers.c.id == self._name))
            connection.execute(sa.delete(clips).where(clips.c.asker == self._name))

    def _renew(self, connection: sa.Connection) -> bool:
        until = NOW + self._lease
        renewed = sa.update(askers).where(askers.c.id == self._name).values(until=until)
        if connection.execute(renewed).rowcount:
            return True
        connection.execute(sa.insert(askers).values(id=self._name, until=until))
        return False

    def _row(self, asked: AskedClip) -> dict[str, Any]:
        clip = asked.clip
        return {
            "asker": self._name,
            "number": asked.number,
            "model": self._kind.model,
            "release": self._kind.release,
            "group": clip.group,
            "caller": clip.caller,
            "windows_left": clip.windows_left,
            "start": clip.start,
            "request": encode_request(clip, asked.options),
            "samples": encode_samples(clip),
        }

    def _tidy(self, deleted: int) -> None:
        """Postgres itself would let a minute's sound gather first."""
        self._deleted += deleted
        if self._deleted >= VACUUM_AFTER:
            self._deleted = 0
            alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")
            with alone.connect() as connection:
                vacuum = f"VACUUM (SKIP_LOCKED, TRUNCATE FALSE) {clips.name}"
                connection.exec_driver_sql(vacuum)


def answers_for(name: str) -> str:
    """The channel on which the service of that name hears of answers."""
    return f"longform_{name}"
