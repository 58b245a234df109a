"""The queue that several services share: who of them lives, who has which job.

Speaks SQL of the tables that one service alone does not need, on Postgres only. What a job writes
is app/storage/store.py's, which refuses writes of an earlier generation.

A service holds a lease, which it renews; all times are the database's. Jobs wait under the name of
the queue until a service claims them. When a lease is over, any other service takes over what its
holder had. Both give a job its next generation, so that whoever had it before is fenced off.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from app.storage.store import UNFINISHED
from app.storage.tables import batches, files, jobs, open_engine, services, shared_folder

QUEUE = "queue"  # the executor of jobs that no service has claimed
PREFIX = "service-"  # of the executors that share the queue
LOCK_SHARE = 0.2  # of a lease that taking over waits for a lock; our own is renewed meanwhile
_NOW = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Float)
_NEXT = jobs.c.generation + 1


class SharedQueue:
    """The queue as the service called `executor` sees it. Every method is one transaction."""

    def __init__(self, url: str, executor: str, lease_seconds: float) -> None:
        if not executor.startswith(PREFIX):
            raise ValueError(f"an executor that shares a queue is called {PREFIX}…: {executor}")
        self._engine = open_engine(url, is_synchronous=True)
        self._executor = executor
        self._lease = lease_seconds
        self._lock_milliseconds = max(1, round(lease_seconds * LOCK_SHARE * 1000))

    def close(self) -> None:
        self._engine.dispose()

    def agreed_folder(self, mark: str) -> str:
        """The mark of the folder that all services share: the first one's."""
        with self._engine.begin() as connection:
            row = _insert(shared_folder, {"number": 1, "mark": mark})
            connection.execute(row.on_conflict_do_nothing())
            agreed: str = connection.execute(sa.select(shared_folder.c.mark)).scalar_one()
            return agreed

    # Leases

    def renew(self) -> bool:
        """Hold the lease from now on; False when it had to be taken anew: it is the first one, or
        others have taken over what was ours."""
        mine = services.c.id == self._executor
        with self._engine.begin() as connection:
            renewed = connection.execute(sa.update(services).where(mine).values(renewed=_NOW))
            if renewed.rowcount:
                return True
            row = {"id": self._executor, "renewed": _NOW}
            connection.execute(_insert(services, row).on_conflict_do_nothing())
            return False

    def give_up(self) -> None:
        """The lease is over now, and others need not wait for it."""
        mine = services.c.id == self._executor
        with self._engine.begin() as connection:
            connection.execute(sa.update(services).where(mine).values(renewed=0.0))

    def take_over(self) -> list[str]:
        """End leases that are over: unfinished jobs of their holders wait in the queue again, the
        rest is ours. The names of these services.

        A holder that fell asleep in a transaction has rows locked for a while: raises what the
        database says of that, has changed nothing then, and is called again.
        """
        is_over = sa.and_(services.c.renewed < _NOW - self._lease, services.c.id != self._executor)
        with self._engine.begin() as connection:
            connection.execute(sa.text(f"SET LOCAL lock_timeout = {self._lock_milliseconds}"))
            ended = sa.delete(services).where(is_over).returning(services.c.id)
            names = list(connection.execute(ended).scalars())
            if names:
                self._take_what_nobody_has(connection)
            return names

    def take_lost(self, former: str | None = None) -> None:
        """The same with what was written for a service after its lease had been ended, and with
        what `former` had, which shared no queue."""
        with self._engine.begin() as connection:
            self._take_what_nobody_has(connection, former)

    def _take_what_nobody_has(self, connection: sa.Connection, former: str | None = None) -> None:
        mine = {"executor": self._executor}
        of_jobs = _of_nobody(jobs, former)
        unfinished = sa.and_(of_jobs, jobs.c.status.in_(UNFINISHED))
        owner = sa.case((jobs.c.kind == "job", QUEUE), else_=self._executor)
        again = {"executor": owner, "status": "queued", "generation": _NEXT}
        connection.execute(sa.update(jobs).where(unfinished).values(**again))
        connection.execute(sa.update(jobs).where(of_jobs).values(**mine, generation=_NEXT))
        for table in (files, batches):
            connection.execute(sa.update(table).where(_of_nobody(table, former)).values(**mine))

    # Jobs

    def claim(self, limit: int, models: Collection[str]) -> int:
        """Make at most so many jobs of these models ours; how many. Those first that
        `Store.next_queued` has first, but for jobs that had begun: they go before others."""
        others = jobs.alias()
        running = (
            sa.select(sa.func.count())
            .where(others.c.owner == jobs.c.owner, others.c.kind == "job")
            .where(others.c.status == "running")
            .scalar_subquery()
        )
        waiting = sa.and_(*_in_the_queue(), jobs.c.model.in_(models))
        chosen = (
            sa.select(jobs.c.id)
            .where(waiting)
            .order_by(jobs.c.starts.desc(), jobs.c.started.is_(None), running)
            .order_by(jobs.c.created, jobs.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=jobs)
            .cte("chosen")
        )
        claimed = sa.update(jobs).where(jobs.c.id.in_(sa.select(chosen.c.id)))
        with self._engine.begin() as connection:
            values = {"executor": self._executor, "generation": _NEXT}
            return connection.execute(claimed.values(**values)).rowcount

    def give_back(self, but: Collection[str]) -> None:
        """Let others have our jobs that wait, but these: they are about to begin here."""
        mine = sa.and_(jobs.c.executor == self._executor, jobs.c.kind == "job")
        waiting = sa.and_(mine, jobs.c.status == "queued", jobs.c.id.not_in(but))
        with self._engine.begin() as connection:
            values = {"executor": QUEUE, "generation": _NEXT}
            connection.execute(sa.update(jobs).where(waiting).values(**values))

    def models(self) -> list[str]:
        """Models that jobs in the queue wait for."""
        query = sa.select(jobs.c.model).where(*_in_the_queue()).distinct()
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def generations(self, job_ids: Collection[str]) -> Mapping[str, int]:
        """Of those of these jobs that are unfinished."""
        query = sa.select(jobs.c.id, jobs.c.generation)
        query = query.where(jobs.c.id.in_(job_ids), jobs.c.status.in_(UNFINISHED))
        with self._engine.connect() as connection:
            return {row.id: row.generation for row in connection.execute(query)}

    def versions(self, job_ids: Collection[str]) -> Mapping[str, str]:
        """What is another after every change of a job; jobs that are gone are left out."""
        version: sa.Label[str] = sa.literal_column(f"{jobs.name}.xmin::text").label("version")
        query = sa.select(jobs.c.id, version).where(jobs.c.id.in_(job_ids))
        with self._engine.connect() as connection:
            return {row.id: row.version for row in connection.execute(query)}


def _insert(table: sa.Table, row: Mapping[str, Any]) -> Any:
    from sqlalchemy.dialects.postgresql import insert

    return insert(table).values(**row)


def _in_the_queue() -> tuple[sa.ColumnElement[bool], ...]:
    return jobs.c.executor == QUEUE, jobs.c.status == "queued"


def _of_nobody(table: sa.Table, former: str | None) -> sa.ColumnElement[bool]:
    """Rows of services that share the queue and hold no lease, and of `former`."""
    shares = table.c.executor.startswith(PREFIX)
    lost = sa.and_(shares, table.c.executor.not_in(sa.select(services.c.id)))
    return lost if former is None else lost | (table.c.executor == former)
