"""What the service remembers: jobs, checkpoints, final segments and transcripts.

It knows nothing of HTTP or of how jobs are run. Every method is one transaction and may block: the
asynchronous side calls it in a thread.

Who runs a job writes with the `generation` that the job had when it began: once another service has
taken the job over, which counts one more, such writes change nothing. None: whatever it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.errors import Failure
from app.storage.codecs import decode_pieces, encode_pieces
from app.storage.tables import (
    BUSY_SECONDS,
    OF_A_JOB,
    PROBE_SECONDS,
    checkpoints,
    jobs,
    migrate,
    open_engine,
    schema_version,
    segments,
    transcripts,
)
from chunking.types import Piece

Kind = Literal["job", "request"]
Status = Literal["queued", "running", "completed", "failed", "cancelled"]
UNFINISHED: tuple[Status, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Job:
    """One row: what was asked, how far it is, how it ended. Times are seconds since 1970."""

    id: str
    executor: str
    owner: str
    kind: Kind
    status: Status
    created: float
    fingerprint: str
    file_name: str
    file_bytes: int
    model: str
    options: str
    idempotency_key: str | None = None
    started: float | None = None
    finished: float | None = None
    expires: float | None = None
    audio_expires: float | None = None
    starts: int = 0
    seconds: float | None = None
    seconds_done: float = 0.0
    windows: int | None = None
    windows_done: int = 0
    end_expected: float | None = None
    language: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_param: str | None = None
    error_is_ours: bool = False
    webhook_url: str | None = None
    generation: int = 0

    @property
    def is_finished(self) -> bool:
        return self.status not in UNFINISHED

    @property
    def failure(self) -> Failure | None:
        if self.error_code is None:
            return None
        message = self.error_message or ""
        return Failure(self.error_code, message, self.error_param, self.error_is_ours)


@dataclass(frozen=True, slots=True)
class Page:
    """Which jobs of a list: the newest `limit`, older than the job `after`."""

    limit: int = 20
    after: str | None = None
    status: Status | None = None


_COLUMNS = tuple(field.name for field in fields(Job))


class Store:
    """The tables of one database, shared by every thread of the service."""

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._engine = open_engine(url, busy_seconds=busy_seconds)
        # What was acknowledged must survive a power failure; what can be decoded again need not.
        self._lasting = open_engine(url, is_synchronous=True, busy_seconds=busy_seconds)
        self._probe = open_engine(url, busy_seconds=PROBE_SECONDS)
        try:
            self.schema = migrate(self._engine)
        except BaseException:
            self.close()
            raise
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._insert: Any = sqlite_insert if is_sqlite else postgres_insert

    def close(self) -> None:
        self._engine.dispose()
        self._lasting.dispose()
        self._probe.dispose()

    def check_writable(self) -> None:
        """Write to the database, and lose patience soon. Raises what came of it."""
        with self._probe.begin() as connection:
            connection.execute(sa.update(schema_version).values(version=self.schema))

    # Jobs

    def add(self, job: Job) -> bool:
        """Store a new job; False when its owner used the idempotency key before."""
        with self._lasting.begin() as connection:
            statement = self._insert(jobs).values(**asdict(job)).on_conflict_do_nothing()
            return connection.execute(statement.returning(jobs.c.id)).scalar() is not None

    def find(self, job_id: str, owner: str | None = None) -> Job | None:
        """The job; None when there is none or it is another owner's."""
        query = _selected().where(jobs.c.id == job_id)
        if owner is not None:
            query = query.where(jobs.c.owner == owner)
        return self._first(query)

    def find_by_idempotency_key(self, owner: str, key: str) -> Job | None:
        return self._first(_selected().where(jobs.c.owner == owner, jobs.c.idempotency_key == key))

    def find_same_request(self, executor: str, owner: str, fingerprint: str) -> Job | None:
        """The newest waiting request of this owner with the same sound and options; one that is
        another executor's only if it has ended, for nobody here would be told of its end."""
        is_told = sa.or_(jobs.c.executor == executor, jobs.c.status.not_in(UNFINISHED))
        query = _selected().where(
            is_told,
            jobs.c.owner == owner,
            jobs.c.fingerprint == fingerprint,
            jobs.c.kind == "request",
            jobs.c.status != "cancelled",
        )
        return self._first(query.order_by(jobs.c.created.desc()).limit(1))

    def page_of(self, owner: str, page: Page) -> list[Job]:
        """Jobs of the owner, newest first."""
        query = _selected().where(jobs.c.owner == owner, jobs.c.kind == "job")
        if page.status:
            query = query.where(jobs.c.status == page.status)
        if page.after:
            last = self.find(page.after, owner)
            if last is None:
                return []
            position = sa.tuple_(jobs.c.created, jobs.c.id)
            query = query.where(position < sa.tuple_(last.created, last.id))
        newest_first = query.order_by(jobs.c.created.desc(), jobs.c.id.desc())
        return self._all(newest_first.limit(page.limit))

    def unfinished(self, executor: str) -> list[Job]:
        """Queued and running jobs of this executor, oldest first."""
        query = _selected().where(jobs.c.executor == executor, jobs.c.status.in_(UNFINISHED))
        return self._all(query.order_by(jobs.c.created, jobs.c.id))

    def queued_models(self, executor: str) -> list[str]:
        """Models that queued jobs wait for."""
        waiting = sa.and_(jobs.c.executor == executor, jobs.c.status == "queued")
        with self._engine.connect() as connection:
            query = sa.select(jobs.c.model).where(waiting).distinct()
            return list(connection.execute(query).scalars())

    def next_queued(
        self, executor: str, kind: Kind, limit: int, models: Collection[str]
    ) -> list[Job]:
        """Jobs of these models to start next: with most fruitless starts, then of owners with the
        fewest running ones, then the oldest."""
        others = jobs.alias()
        running = (
            sa.select(sa.func.count())
            .where(others.c.owner == jobs.c.owner, others.c.kind == kind)
            .where(others.c.status == "running")
            .scalar_subquery()
        )
        query = _selected().where(
            jobs.c.executor == executor,
            jobs.c.kind == kind,
            jobs.c.status == "queued",
            jobs.c.model.in_(models),
        )
        order = (jobs.c.starts.desc(), running, jobs.c.created, jobs.c.id)
        return self._all(query.order_by(*order).limit(limit))

    def with_webhook(self, executor: str) -> list[Job]:
        """Finished jobs whose end somebody wants to be told of."""
        mine = sa.and_(jobs.c.executor == executor, jobs.c.webhook_url.is_not(None))
        return self._all(_selected().where(mine, jobs.c.status.not_in(UNFINISHED)))

    def count_unfinished(self, owner: str | None = None, kind: Kind | None = None) -> int:
        query = sa.select(sa.func.count()).where(jobs.c.status.in_(UNFINISHED))
        if owner is not None:
            query = query.where(jobs.c.owner == owner)
        if kind is not None:
            query = query.where(jobs.c.kind == kind)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def count_by_status(self) -> Mapping[tuple[str, str], int]:
        query = sa.select(jobs.c.kind, jobs.c.status, sa.func.count())
        with self._engine.connect() as connection:
            rows = connection.execute(query.group_by(jobs.c.kind, jobs.c.status)).all()
        return {(kind, status): count for kind, status, count in rows}

    def start(self, job_id: str, now: float, *, generation: int | None = None) -> Job | None:
        """Mark the job as running once more; None when it is finished, gone or another's."""
        values = {
            "status": "running",
            "starts": jobs.c.starts + 1,
            "started": sa.func.coalesce(jobs.c.started, now),
        }
        columns = (jobs.c[name] for name in _COLUMNS)
        changed = sa.update(jobs).where(_unfinished(job_id, generation)).values(**values)
        with self._engine.begin() as connection:
            row = connection.execute(changed.returning(*columns)).mappings().first()
            return None if row is None else Job(**row)

    def put_back(self, job_id: str, *, generation: int | None = None) -> None:
        """A running job waits again; the start that came to nothing does not count.

        Told twice, it is put back once.
        """
        starts = sa.case((jobs.c.starts > 0, jobs.c.starts - 1), else_=0)
        is_running = sa.and_(_unfinished(job_id, generation), jobs.c.status == "running")
        with self._engine.begin() as connection:
            values = {"status": "queued", "starts": starts}
            connection.execute(sa.update(jobs).where(is_running).values(**values))

    def change_model(self, job_id: str, model: str) -> None:
        """Another model is to do the job, and all of it: what the first one heard is forgotten."""
        with self._lasting.begin() as connection:
            if _is_unfinished(connection, job_id, {"model": model, "windows_done": 0}):
                for table in (checkpoints, segments):
                    connection.execute(sa.delete(table).where(table.c.job == job_id))

    def set_progress(
        self, job_id: str, values: Mapping[str, Any], *, generation: int | None = None
    ) -> None:
        """Store figures of progress while the job is unfinished."""
        with self._engine.begin() as connection:
            _is_unfinished(connection, job_id, values, generation)

    def finish(
        self,
        job_id: str,
        status: Status,
        values: Mapping[str, Any],
        *,
        generation: int | None = None,
    ) -> bool:
        """End an unfinished job; False when it had ended already: the first end counts."""
        with self._lasting.begin() as connection:
            return _is_unfinished(connection, job_id, {"status": status, **values}, generation)

    def complete(
        self,
        job_id: str,
        transcript: bytes,
        values: Mapping[str, Any],
        *,
        generation: int | None = None,
    ) -> bool:
        """Store the transcript and end the job as completed, both or neither."""
        values = {"status": "completed", **values}
        with self._lasting.begin() as connection:
            if not _is_unfinished(connection, job_id, values, generation):
                return False
            row = {"job": job_id, "transcript": transcript}
            connection.execute(self._insert(transcripts).values(**row))
            connection.execute(sa.delete(checkpoints).where(checkpoints.c.job == job_id))
            return True

    def set_expiry(self, job_id: str, expires: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(expires=expires))

    def expired(self, executor: str, now: float) -> tuple[list[Job], list[Job]]:
        """Finished jobs whose time is over, and those whose sound alone is to go."""
        mine = _selected().where(jobs.c.executor == executor, jobs.c.status.not_in(UNFINISHED))
        whole = self._all(mine.where(jobs.c.expires <= now))
        sound = self._all(mine.where(jobs.c.audio_expires <= now, jobs.c.expires > now))
        return whole, sound

    def forget_audio(self, job_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(jobs).where(jobs.c.id == job_id).values(audio_expires=None)
            )

    def delete(self, job_id: str) -> None:
        """Remove the job and all that belongs to it, and empty the write-ahead log."""
        with self._engine.begin() as connection:
            for table in OF_A_JOB:
                connection.execute(sa.delete(table).where(table.c.job == job_id))
            connection.execute(sa.delete(jobs).where(jobs.c.id == job_id))
        self.compact()

    def compact(self) -> None:
        """Let no deleted text linger in SQLite's log."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()

    # Parts of jobs

    def add_checkpoint(
        self, job_id: str, key: str, pieces: Sequence[Piece], *, generation: int | None = None
    ) -> str | None:
        """Keep the pieces of one step and forget fruitless starts; returns their digest.

        None when the job is over, or another's: its parts may be gone and must not come back.
        """
        stored = encode_pieces(tuple(pieces))
        digest = hashlib.sha256(stored).hexdigest()
        row = {"job": job_id, "key": key, "digest": digest, "pieces": stored}
        statement = self._insert(checkpoints).values(**row)
        with self._engine.begin() as connection:
            if not _is_unfinished(connection, job_id, {"starts": 0}, generation):
                return None
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["job", "key"], set_={"digest": digest, "pieces": stored}
                )
            )
        return digest

    def find_digest(self, job_id: str, key: str) -> str | None:
        """The digest of a step's pieces, if they are kept."""
        query = sa.select(checkpoints.c.digest).where(
            checkpoints.c.job == job_id, checkpoints.c.key == key
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def find_checkpoint(self, job_id: str, key: str, digest: str) -> tuple[Piece, ...] | None:
        """The kept pieces of a step; None when they are gone or not those of `digest`."""
        query = sa.select(checkpoints.c.pieces).where(
            checkpoints.c.job == job_id, checkpoints.c.key == key
        )
        with self._engine.connect() as connection:
            stored = connection.execute(query).scalar()
        if stored is None or hashlib.sha256(stored).hexdigest() != digest:
            return None
        return decode_pieces(stored)

    def add_segments(
        self, job_id: str, first: int, encoded: Sequence[str], *, generation: int | None = None
    ) -> None:
        """Keep final segments `first`, `first` + 1 …; those kept before stay as they are."""
        rows = [
            {"job": job_id, "number": first + position, "segment": text}
            for position, text in enumerate(encoded)
        ]
        with self._engine.begin() as connection:
            if rows and _is_unfinished(connection, job_id, {"status": "running"}, generation):
                connection.execute(self._insert(segments).values(rows).on_conflict_do_nothing())

    def segments_after(self, job_id: str, number: int, limit: int = 500) -> list[tuple[int, str]]:
        """(number, encoded segment) of segments above `number`, in order."""
        query = (
            sa.select(segments.c.number, segments.c.segment)
            .where(segments.c.job == job_id, segments.c.number > number)
            .order_by(segments.c.number)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [(row.number, row.segment) for row in connection.execute(query)]

    def find_transcript(self, job_id: str) -> bytes | None:
        query = sa.select(transcripts.c.transcript).where(transcripts.c.job == job_id)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def _first(self, query: sa.Select[Any]) -> Job | None:
        found = self._all(query)
        return found[0] if found else None

    def _all(self, query: sa.Select[Any]) -> list[Job]:
        with self._engine.connect() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]


def _selected() -> sa.Select[Any]:
    return sa.select(*(jobs.c[name] for name in _COLUMNS))


def _unfinished(job_id: str, generation: int | None) -> sa.ColumnElement[bool]:
    """The job, as long as it is unfinished and, where one is given, of this generation."""
    unfinished = sa.and_(jobs.c.id == job_id, jobs.c.status.in_(UNFINISHED))
    return unfinished if generation is None else unfinished & (jobs.c.generation == generation)


def _is_unfinished(
    connection: sa.Connection,
    job_id: str,
    values: Mapping[str, Any],
    generation: int | None = None,
) -> bool:
    """Change the job if it is unfinished, which locks its row; whether it was."""
    changed = sa.update(jobs).where(_unfinished(job_id, generation)).values(**values)
    return connection.execute(changed).rowcount == 1
