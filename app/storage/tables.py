"""The service's own tables and how an older database becomes a newer one.

DBOS keeps its tables in the same database and migrates them itself; these are only ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

Migration = Callable[[sa.Connection], None]

BUSY_SECONDS = 30
PROBE_SECONDS = 1  # that readiness waits for a busy database
DATABASE_ERRORS = (sa.exc.DBAPIError, sa.exc.TimeoutError)
ANOTHER = "Restore a copy, or name another by LONGFORM_DATA_DIR or LONGFORM_DATABASE_URL"
# Postgres: no connection, out of resources, an operator's work, serialisation, a lock not given
PASSING_STATES = ("08", "53", "57", "40", "55")
metadata = sa.MetaData()

schema_version = sa.Table(
    "longform_schema", metadata, sa.Column("version", sa.Integer, nullable=False)
)

jobs = sa.Table(
    "longform_jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("executor", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float),
    sa.Column("expires", sa.Float),
    sa.Column("audio_expires", sa.Float),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("file_bytes", sa.BigInteger, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("starts", sa.Integer, nullable=False, default=0),
    sa.Column("seconds", sa.Float),
    sa.Column("seconds_done", sa.Float, nullable=False, default=0.0),
    sa.Column("windows", sa.Integer),
    sa.Column("windows_done", sa.Integer, nullable=False, default=0),
    sa.Column("end_expected", sa.Float),
    sa.Column("language", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("error_param", sa.Text),
    sa.Column("error_is_ours", sa.Boolean, nullable=False, default=False),
    sa.Column("webhook_url", sa.Text),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("owner", "idempotency_key", name="longform_jobs_idempotency"),
    sa.Index("longform_jobs_by_owner", "owner", "created"),
    sa.Index("longform_jobs_by_fingerprint", "owner", "fingerprint"),
    sa.Index("longform_jobs_by_status", "status", "executor"),
)

checkpoints = sa.Table(
    "longform_checkpoints",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("pieces", sa.LargeBinary, nullable=False),
)

segments = sa.Table(
    "longform_segments",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("segment", sa.Text, nullable=False),
)

transcripts = sa.Table(
    "longform_transcripts",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("transcript", sa.LargeBinary, nullable=False),
)

files = sa.Table(
    "longform_files",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("executor", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Index("longform_files_by_owner", "owner", "created"),
)

batches = sa.Table(
    "longform_batches",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("executor", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("window", sa.Text, nullable=False),
    sa.Column("input_file", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("completed", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("cancelling", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("output_file", sa.Text),
    sa.Column("error_file", sa.Text),
    sa.Column("errors", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Index("longform_batches_by_owner", "owner", "created"),
    sa.Index("longform_batches_by_status", "status", "executor"),
)

batch_requests = sa.Table(
    "longform_batch_requests",
    metadata,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("custom_id", sa.Text, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Index("longform_batch_requests_by_batch", "batch", "line"),
)

# Services that share a queue, and the mark of the folder that they share
services = sa.Table(
    "longform_services",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("renewed", sa.Float, nullable=False),
)

shared_folder = sa.Table(
    "longform_shared_folder",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("mark", sa.Text, nullable=False),
)

OF_A_JOB = (checkpoints, segments, transcripts, batch_requests)


def _create_tables(connection: sa.Connection) -> None:
    """Those that are not there."""
    metadata.create_all(connection)


def _expect_ends(connection: sa.Connection) -> None:
    """The moment of a job's end in place of the seconds until it, which did not age."""
    _add_column(connection, jobs.c.end_expected)


def _count_generations(connection: sa.Connection) -> None:
    """How often a job has passed from one service to another."""
    _add_column(connection, jobs.c.generation)


def _add_column(connection: sa.Connection, column: sa.Column[Any]) -> None:
    """Add the column to its table, unless it has it; a table that is missing is told later."""
    inspector, table = sa.inspect(connection), column.table.name
    if not inspector.has_table(table):
        return
    if column.name not in {known["name"] for known in inspector.get_columns(table)}:
        made = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
        connection.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {made}"))


# The n-th entry leads from version n to version n + 1. Entries are never changed, only added.
MIGRATIONS: tuple[Migration, ...] = (
    _create_tables,
    _expect_ends,
    _create_tables,
    _count_generations,
    _create_tables,
)


class DatabaseUnusable(Exception):
    """The database is not one that the service can work with; the message says what to do."""


class DatabaseTooNew(DatabaseUnusable):
    """The database was written by a newer release; going back would lose what it knows."""


def migrate(engine: sa.Engine, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring the database to the newest version in one transaction; returns that version.

    Raises `DatabaseUnusable` for what is not a database of this service, and changes nothing then.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            check_encoding(connection)
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7463301)"))
        schema_version.create(connection, checkfirst=True)
        found = connection.execute(sa.select(schema_version.c.version)).scalar() or 0
        if not isinstance(found, int):
            raise DatabaseUnusable(f"the schema version of the database is no number. {ANOTHER}")
        if found > len(migrations):
            raise DatabaseTooNew(
                f"the database has schema version {found}, this release knows "
                f"{len(migrations)}: start a newer release, or another data folder"
            )
        for step in migrations[found:]:
            step(connection)
        _check_tables(connection)
        connection.execute(sa.delete(schema_version))
        connection.execute(sa.insert(schema_version).values(version=len(migrations)))
    return len(migrations)


def check_encoding(connection: sa.Connection) -> None:
    """Raise `DatabaseUnusable` for a database of Postgres that cannot hold every language."""
    encoding = connection.execute(sa.text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise DatabaseUnusable(
            f"the database keeps text as {encoding}, which cannot hold every language: make one "
            "with ENCODING 'UTF8' TEMPLATE template0, and name it by LONGFORM_DATABASE_URL"
        )


def _check_tables(connection: sa.Connection) -> None:
    """Every table of ours has every column, whoever made it."""
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        known = inspector.get_columns(table.name) if table.name in there else []
        lacking = set(table.columns.keys()) - {column["name"] for column in known}
        if lacking:
            what = ", ".join(sorted(lacking)) if known else "all"
            raise DatabaseUnusable(
                f"the database was not made by this service, or was damaged: of the columns of "
                f"{table.name} it lacks {what}. {ANOTHER}"
            )


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'longform.db'}"


def is_full(error: BaseException) -> bool:
    """Whether the database found no room on its disk."""
    code = _sqlite_code(error)
    return code == sqlite3.SQLITE_FULL or _sql_state(error) == "53100"


def is_busy(error: BaseException) -> bool:
    """Whether the database was held by somebody else for too long, or cannot be reached now."""
    if isinstance(error, sa.exc.TimeoutError):  # no connection came free
        return True
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return True
    if _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return True
    state = _sql_state(error)
    return state is not None and state[:2] in PASSING_STATES


def _sqlite_code(error: BaseException) -> int | None:
    """SQLite's primary result code."""
    original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _sql_state(error: BaseException) -> str | None:
    """Postgres' code; "08" (no connection) where the driver could not even ask for one."""
    if not isinstance(error, sa.exc.OperationalError):
        return None
    original = error.orig
    if original is None or isinstance(original, sqlite3.Error):
        return None
    return getattr(original, "sqlstate", None) or "08000"


def open_engine(
    url: str, *, is_synchronous: bool = False, busy_seconds: float = BUSY_SECONDS
) -> sa.Engine:
    """An engine for `url`. SQLite: WAL; `is_synchronous` commits survive a power failure too.

    `busy_seconds`: that SQLite waits for other writers. Errors say no values: they are content.
    """
    if not url.startswith("sqlite"):
        return _open_postgres(url)
    engine = sa.create_engine(url, connect_args={"timeout": busy_seconds}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"  # writers wait for each other, none fails midway
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if is_synchronous else 'NORMAL'}")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


# A server that is gone without a word: otherwise it is waited for as long as TCP likes
_POSTGRES_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
# And its patience with a client that falls asleep in a transaction: the rows are locked meanwhile
IDLE_IN_TRANSACTION_SECONDS = 10


def _open_postgres(url: str) -> sa.Engine:
    engine = sa.create_engine(
        _with_psycopg(url),
        pool_pre_ping=True,
        pool_size=10,
        hide_parameters=True,
        connect_args={"client_encoding": "utf8", **_POSTGRES_PATIENCE},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        patience = f"{IDLE_IN_TRANSACTION_SECONDS}s"
        connection.execute(f"SET idle_in_transaction_session_timeout = '{patience}'")
        connection.commit()

    return engine


def _with_psycopg(url: str) -> str:
    """`postgres://` and `postgresql://` as SQLAlchemy spells them for psycopg 3."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else url
