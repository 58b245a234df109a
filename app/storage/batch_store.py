"""What the service remembers of files and batches; the jobs of a batch are rows like any other.

Speaks SQL as app/storage/store.py does, of tables that only batches have. Contents of files lie on
disk (app/storage/folders.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import sqlalchemy as sa

from app.storage.store import UNFINISHED, Job
from app.storage.tables import BUSY_SECONDS, batch_requests, batches, files, jobs, open_engine

BatchStatus = Literal["failed", "in_progress", "completed", "cancelling", "cancelled"]
UNDER_WAY: tuple[BatchStatus, ...] = ("in_progress", "cancelling")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of somebody's. Times are seconds since 1970."""

    id: str
    executor: str
    owner: str
    purpose: str
    name: str
    bytes: int
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: what was asked, how it ended. `completed` and `failed` count once it ended."""

    id: str
    executor: str
    owner: str
    endpoint: str
    window: str
    input_file: str
    status: BatchStatus
    created: float
    expires: float
    total: int = 0
    completed: int = 0
    failed: int = 0
    cancelling: float | None = None
    ended: float | None = None
    output_file: str | None = None
    error_file: str | None = None
    errors: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One line of a batch: `form` are its fields as (name, value) pairs, `source` its sound."""

    job: str
    batch: str
    line: int
    custom_id: str
    form: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """Which entries of a list: so many, after the one called so."""

    limit: int
    after: str | None = None
    is_newest_first: bool = True


class BatchStore:
    """Files and batches of one database. Every method is one transaction and may block."""

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._engine = open_engine(url, is_synchronous=True, busy_seconds=busy_seconds)

    def close(self) -> None:
        self._engine.dispose()

    # Files

    def add_file(self, file: StoredFile) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.insert(files).values(**asdict(file)))

    def find_file(self, file_id: str, owner: str | None = None) -> StoredFile | None:
        """The file; None when there is none or it is another owner's."""
        query = sa.select(files).where(files.c.id == file_id)
        if owner is not None:
            query = query.where(files.c.owner == owner)
        return next(iter(self._files(query)), None)

    def files_of(self, owner: str, page: ListPage, purpose: str | None = None) -> list[StoredFile]:
        query = sa.select(files).where(files.c.owner == owner)
        if purpose is not None:
            query = query.where(files.c.purpose == purpose)
        return self._files(_paged(query, files, page))

    def count_files(self, owner: str) -> int:
        query = sa.select(sa.func.count()).where(files.c.owner == owner)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def expired_files(self, executor: str, now: float) -> list[StoredFile]:
        mine = files.c.executor == executor
        return self._files(sa.select(files).where(mine, files.c.expires <= now))

    def delete_file(self, file_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.delete(files).where(files.c.id == file_id))

    # Batches

    def add_batch(
        self, batch: Batch, its_jobs: Sequence[Job] = (), requests: Sequence[BatchRequest] = ()
    ) -> None:
        """Store a batch with all its jobs, or nothing of it."""
        with self._engine.begin() as connection:
            connection.execute(sa.insert(batches).values(**_encoded(batch)))
            if its_jobs:
                connection.execute(sa.insert(jobs), [asdict(job) for job in its_jobs])
                rows = [{**asdict(one), "form": json.dumps(one.form)} for one in requests]
                connection.execute(sa.insert(batch_requests), rows)

    def find_batch(self, batch_id: str, owner: str) -> Batch | None:
        query = sa.select(batches).where(batches.c.id == batch_id, batches.c.owner == owner)
        return next(iter(self._batches(query)), None)

    def batches_of(self, owner: str, page: ListPage) -> list[Batch]:
        return self._batches(
            _paged(sa.select(batches).where(batches.c.owner == owner), batches, page)
        )

    def finished(self, executor: str) -> list[Batch]:
        """Batches under way none of whose jobs is any more."""
        unfinished = (
            sa.select(batch_requests.c.job)
            .join(jobs, jobs.c.id == batch_requests.c.job)
            .where(batch_requests.c.batch == batches.c.id, jobs.c.status.in_(UNFINISHED))
        )
        mine = sa.and_(batches.c.executor == executor, batches.c.status.in_(UNDER_WAY))
        return self._batches(sa.select(batches).where(mine, ~unfinished.exists()))

    def count_ended(self, batch_id: str) -> tuple[int, int]:
        """How many jobs of a batch were completed, and how many failed."""
        query = (
            sa.select(jobs.c.status, sa.func.count())
            .join(batch_requests, jobs.c.id == batch_requests.c.job)
            .where(batch_requests.c.batch == batch_id, jobs.c.status.not_in(UNFINISHED))
            .group_by(jobs.c.status)
        )
        with self._engine.connect() as connection:
            counts = [(row[0], row[1]) for row in connection.execute(query)]
        completed = sum(count for status, count in counts if status == "completed")
        return completed, sum(count for _, count in counts) - completed

    def unfinished_jobs(self, batch_id: str) -> list[str]:
        query = (
            sa.select(jobs.c.id)
            .join(batch_requests, jobs.c.id == batch_requests.c.job)
            .where(batch_requests.c.batch == batch_id, jobs.c.status.in_(UNFINISHED))
        )
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def requests_of(self, batch_id: str) -> list[BatchRequest]:
        """In the order of their lines."""
        query = sa.select(batch_requests).where(batch_requests.c.batch == batch_id)
        return self._requests(query.order_by(batch_requests.c.line))

    def find_request(self, job_id: str) -> BatchRequest | None:
        """The request that a job does, if it is of a batch."""
        query = sa.select(batch_requests).where(batch_requests.c.job == job_id)
        return next(iter(self._requests(query)), None)

    def change_batch(self, batch_id: str, values: Mapping[str, Any]) -> bool:
        """Change a batch that is under way; False when it had ended."""
        under_way = sa.and_(batches.c.id == batch_id, batches.c.status.in_(UNDER_WAY))
        with self._engine.begin() as connection:
            changed = connection.execute(sa.update(batches).where(under_way).values(**values))
            return changed.rowcount == 1

    def delete_expired_batches(self, executor: str, now: float) -> None:
        """Forget batches whose time is over; their jobs and files have times of their own."""
        over = sa.and_(batches.c.executor == executor, batches.c.expires <= now)
        ended = sa.and_(over, batches.c.status.not_in(UNDER_WAY))
        with self._engine.begin() as connection:
            ids = connection.execute(sa.select(batches.c.id).where(ended)).scalars().all()
            connection.execute(sa.delete(batch_requests).where(batch_requests.c.batch.in_(ids)))
            connection.execute(sa.delete(batches).where(batches.c.id.in_(ids)))

    def _files(self, query: sa.Select[Any]) -> list[StoredFile]:
        with self._engine.connect() as connection:
            return [StoredFile(**row) for row in connection.execute(query).mappings()]

    def _batches(self, query: sa.Select[Any]) -> list[Batch]:
        with self._engine.connect() as connection:
            return [_decoded(row) for row in connection.execute(query).mappings()]

    def _requests(self, query: sa.Select[Any]) -> list[BatchRequest]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            BatchRequest(**{**row, "form": tuple(map(tuple, json.loads(row["form"])))})
            for row in rows
        ]


def _encoded(batch: Batch) -> dict[str, Any]:
    row = {one.name: getattr(batch, one.name) for one in fields(Batch)}
    return row | {name: json.dumps(row[name]) for name in ("errors", "metadata")}


def _decoded(row: Mapping[Any, Any]) -> Batch:
    errors, metadata = json.loads(row["errors"]), json.loads(row["metadata"])
    return Batch(**{**row, "errors": tuple(errors), "metadata": metadata})


def _paged(query: sa.Select[Any], table: sa.Table, page: ListPage) -> sa.Select[Any]:
    """The entries of a page; none after one that is not there."""
    position = sa.tuple_(table.c.created, table.c.id)
    if page.after is not None:
        last = sa.select(table.c.created, table.c.id).where(table.c.id == page.after).subquery()
        bound = sa.tuple_(
            sa.select(last.c.created).scalar_subquery(), sa.select(last.c.id).scalar_subquery()
        )
        query = query.where(position < bound if page.is_newest_first else position > bound)
    columns = (table.c.created, table.c.id)
    order = [one.desc() for one in columns] if page.is_newest_first else columns
    return query.order_by(*order).limit(page.limit)
