"""The tables in which clips wait for workers; on Postgres alone, and apart from those of jobs.

They may be in a database of their own (LONGFORM_WORKERS_URL). The clips are not logged: after a
crash of the database they are gone, and who waits for them is told.
"""

from __future__ import annotations

import sqlalchemy as sa

from app.storage.tables import DatabaseUnusable, check_encoding

metadata = sa.MetaData()

# Services that have clips there, and workers: `until` is when their lease is over
askers = sa.Table(
    "longform_askers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("until", sa.Float, nullable=False),
)

workers = sa.Table(
    "longform_workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("until", sa.Float, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("card", sa.Text, nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
)

# `generation` counts how often a clip was given to a worker. A suspect was in the hands of a worker
# that died; `kills` counts those that died of it alone.
clips = sa.Table(
    "longform_clips",
    metadata,
    sa.Column("asker", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, nullable=False),
    sa.Column("windows_left", sa.Integer, nullable=False),
    sa.Column("start", sa.Float, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("samples", sa.LargeBinary, nullable=False),
    sa.Column("worker", sa.Text),
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_suspect", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("is_alone", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("kills", sa.Integer, nullable=False, server_default="0"),
    sa.Column("outcome", sa.LargeBinary),
    prefixes=["UNLOGGED"],
)
# Sound does not get smaller by what Postgres would try on it.
_PLAIN = f"ALTER TABLE {clips.name} ALTER COLUMN samples SET STORAGE EXTERNAL"


def create(engine: sa.Engine) -> None:
    """Make the tables unless they are there. Raises `DatabaseUnusable`."""
    with engine.begin() as connection:
        check_encoding(connection)
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7463302)"))
        is_first = not sa.inspect(connection).has_table(clips.name)
        metadata.create_all(connection)
        if is_first:
            connection.execute(sa.text(_PLAIN))
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            there = {column["name"] for column in inspector.get_columns(table.name)}
            if there != set(table.columns.keys()):
                raise DatabaseUnusable(
                    f"{table.name} was made by another release: drop it when no service and no "
                    "worker of that release is left; nothing in it is kept"
                )
