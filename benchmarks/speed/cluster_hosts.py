"""Hosts of a Ray cluster on this machine: network namespaces where we may make them, else nodes.

A namespace has an address, a link and a folder of its own, as a host has; processors and memory are
shared. The first host is the one that asks, and decodes nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from decoding.cluster.connection import Connection

NETWORK = "10.213.77"
PORT = 6379
START_SECONDS = 60.0
STARTED = "Ray runtime started"


@dataclass(frozen=True, slots=True)
class Hosts:
    """`kind` for people; `command` before one that is to run on the host that asks."""

    connection: Connection
    kind: str
    command: tuple[str, ...] = ()


@contextmanager
def open_hosts(cpus: Sequence[int]) -> Iterator[Hosts]:
    """A cluster: the host that asks, and one with so many processors for each of `cpus`."""
    with tempfile.TemporaryDirectory(prefix="ray-") as name:  # sockets have short names
        folder = Path(name)
        token = folder / "token"
        token.write_text(secrets.token_hex(32), encoding="utf-8")
        opened = _namespaces if can_make_namespaces() else _nodes
        with opened(folder, token, cpus) as hosts:
            yield hosts


def can_make_namespaces() -> bool:
    """Whether this process may make network namespaces, and links between them."""
    if os.geteuid() != 0:
        return False
    name = f"longform-{os.getpid()}"
    try:
        made = ip("netns", "add", name, check=False)
        ip("netns", "del", name, check=False)
    except OSError:
        return False
    return made


@contextmanager
def _nodes(folder: Path, token: Path, cpus: Sequence[int]) -> Iterator[Hosts]:
    command = [sys.executable, "-m", "decoding.cluster.local_nodes", "0", *map(str, cpus)]
    with _process(command, folder, token, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        yield Hosts(Connection(address, token), "nodes on one host")


@contextmanager
def _namespaces(folder: Path, token: Path, cpus: Sequence[int]) -> Iterator[Hosts]:
    bridge = f"lf{os.getpid()}"
    head = f"{NETWORK}.1:{PORT}"
    with ExitStack() as stack:
        ip("link", "add", bridge, "type", "bridge")
        stack.callback(ip, "link", "del", bridge, check=False)
        ip("link", "set", bridge, "up")
        for number, count in enumerate((0, *cpus), start=1):
            name = f"{bridge}h{number}"
            add_host(name, bridge, f"{NETWORK}.{number}/24")
            stack.callback(ip, "netns", "del", name, check=False)
            place = f"--port={PORT}" if number == 1 else f"--address={head}"
            role = ["--head", "--include-dashboard=false"] if number == 1 else []
            command = ["ip", "netns", "exec", name, sys.executable, "-m", "ray.scripts.scripts"]
            command += ["start", *role, place, f"--node-ip-address={NETWORK}.{number}"]
            command += [f"--num-cpus={count}", "--disable-usage-stats", "--block"]
            home = folder / f"{number}"
            home.mkdir()
            process = stack.enter_context(_process(command, home, token))
            _wait_for(process, STARTED)
        first = ("ip", "netns", "exec", f"{bridge}h1")
        yield Hosts(Connection(head, token), "network namespaces", first)


def add_host(name: str, bridge: str, address: str) -> None:
    """A namespace with one link to the bridge; the link's end there is called `name` + a."""
    here, there = f"{name}a", f"{name}b"
    ip("netns", "add", name)
    ip("link", "add", here, "type", "veth", "peer", "name", there)
    ip("link", "set", here, "master", bridge, "up")
    ip("link", "set", there, "netns", name)
    ip("-n", name, "addr", "add", address, "dev", there)
    ip("-n", name, "link", "set", there, "up")
    ip("-n", name, "link", "set", "lo", "up")


@contextmanager
def _process(
    command: Sequence[str], home: Path, token: Path, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """Started; ended by the end of its input, or by SIGTERM, which Ray passes on."""
    environment = {**os.environ, **Connection("a:1", token).environment, "RAY_TMPDIR": str(home)}
    environment["PYTHONPATH"] = os.getcwd()
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if stdin == subprocess.DEVNULL else subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        else:
            process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    give_up = time.monotonic() + START_SECONDS
    told = ""
    while time.monotonic() < give_up:
        line = process.stdout.readline()
        told += line
        if words in line:
            return
        if not line and process.poll() is not None:
            break
    raise ConnectionError(f"a host of the cluster did not start: {told[-500:]}")


def ip(*arguments: str, check: bool = True) -> bool:
    """Run the command of that name; whether it could do it. Raises OSError if it could not."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.returncode == 0
