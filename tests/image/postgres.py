"""The database of compose.postgres.yaml, served by this machine's own PostgreSQL.

It runs in a network of its own, which has loopback alone and which containers join; there the name
that the compose file gives the database is loopback's. The official image's entry point is not run.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.image.building import BRIEF_SECONDS, ROOT, told

COMPOSE = ROOT / "compose.postgres.yaml"
PROGRAMS = Path("/usr/lib/postgresql")  # Debian's place, a folder for each version
ACCOUNT = "postgres"
START_SECONDS = 60
POLL_SECONDS = 0.2


def programs() -> Path | None:
    """The folder of the newest PostgreSQL here."""
    return max(PROGRAMS.glob("*/bin/"), key=lambda path: float(path.parent.name), default=None)


@dataclass(frozen=True, slots=True)
class Database:
    """A running server: the network it is in, what the service is told, what names it there."""

    network: str
    settings: dict[str, str]
    hosts: Path
    folder: Path

    def count(self, table: str) -> int:
        """How many rows `table` has."""
        asked = f"select count(*) from {table}"
        return int(_told(self.folder, "psql", "--dbname", "longform", "-Atc", asked))


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    """PostgreSQL with the user, the database and the password that the compose file asks for."""
    folder.mkdir()
    shutil.chown(folder, ACCOUNT, ACCOUNT)
    password = secrets.token_hex(24)
    secret = folder / "password"
    secret.write_text(password)
    shutil.chown(secret, ACCOUNT)
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost postgres\n")
    log = folder / "log"
    account = ("--username=longform", "--auth=scram-sha-256", f"--pwfile={secret}")
    _told(folder, "initdb", *account, "--encoding=UTF8")  # as the official image has it
    network = f"longform-{os.getpid()}"
    told(["ip", "netns", "add", network], BRIEF_SECONDS)
    try:
        told(["ip", "-n", network, "link", "set", "lo", "up"], BRIEF_SECONDS)
        with log.open("wb") as output:
            command = _command("postgres", f"--unix_socket_directories={folder}")
            server = subprocess.Popen(
                ["ip", "netns", "exec", network, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_variables(folder),
            )
        try:
            _wait_for(server, folder, log)
            _told(folder, "createdb", "longform")
            yield Database(network, _settings(password), hosts, folder)
        finally:
            server.terminate()
            server.wait(START_SECONDS)
    finally:
        told(["ip", "netns", "delete", network], BRIEF_SECONDS)


def _settings(password: str) -> dict[str, str]:
    """The variable of the compose file, with what it takes from its surroundings put in."""
    [url] = re.findall(
        r"LONGFORM_DATABASE_URL: (\S+?)\$\{POSTGRES_PASSWORD:[^}]*\}(\S+)", _compose()
    )
    return {"LONGFORM_DATABASE_URL": password.join(url)}


def _wait_for(server: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    """Until the compose file's own check of health says that it answers."""
    [check] = re.findall(r'test: \[CMD-SHELL, "(.*)"\]', _compose())
    program, *arguments = check.split()
    give_up = time.monotonic() + START_SECONDS
    command = [*_command(program, *arguments), "--quiet"]
    while subprocess.run(command, env=_variables(folder)).returncode:
        assert server.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < give_up, "PostgreSQL does not answer"
        time.sleep(POLL_SECONDS)


def _compose() -> str:
    return COMPOSE.read_text("utf-8")


def _told(folder: Path, program: str, *arguments: str) -> str:
    return told(_command(program, *arguments), BRIEF_SECONDS, _variables(folder))


def _command(program: str, *arguments: str) -> list[str]:
    place = programs()
    assert place is not None
    user = ["setpriv", "--reuid", ACCOUNT, "--regid", ACCOUNT, "--clear-groups"]
    return [*user, str(place / program), *arguments]


def _variables(folder: Path) -> dict[str, str]:
    """Where its programs find cluster, socket and password."""
    secret = (folder / "password").read_text()
    return {
        "PATH": os.environ["PATH"],
        "PGDATA": str(folder / "cluster"),
        "PGHOST": str(folder),
        "PGUSER": "longform",
        "PGPASSWORD": secret,
    }
