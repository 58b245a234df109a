"""`python -m benchmarks speed --workers URL`: what is lost on the way by Postgres to workers.

A timed engine stands in for a model, as in benchmarks/speed/cluster.py. Workers are processes of
this machine, which stand for hosts: what a network costs, they cannot tell.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from app.settings import Settings
from app.workers.opening import open_workers
from benchmarks.speed.cluster import ROUNDS, SECONDS, SLOTS, Scaled
from benchmarks.speed.cluster_worker import decode_noise, wait_for_slots
from decoding.types import Decoder

WORKERS = (2, 4, 6, 16)
"""In one row each: as many as the replicas of `--cluster`."""
FLOW_SLOTS = 32
FLOW_WINDOWS = 1000


@dataclass(frozen=True, slots=True)
class Flow:
    """Windows that passed with nothing to do for engines."""

    windows: int
    seconds: float
    wrong: int


def measure(
    url: str,
    counts: Sequence[int] = WORKERS,
    *,
    seconds: float = SECONDS,
    slots: int = SLOTS,
    rounds: int = ROUNDS,
) -> Iterator[Scaled]:
    """One after another, each with workers of its own."""
    for count in counts:
        windows = count * slots * rounds
        took, wrong = _decode(url, count, seconds, slots, windows)
        least = rounds * seconds
        yield Scaled((1,) * count, windows, took, least, wrong, "processes on one machine")


def measure_flow(url: str, count: int = 2, windows: int = FLOW_WINDOWS) -> Flow:
    """As many windows in a second as there can be."""
    return Flow(windows, *_decode(url, count, 0.0, FLOW_SLOTS, windows))


def told(flow: Flow) -> str:
    """One line for people."""
    rate = flow.windows / flow.seconds
    return f"engines that take no time: {rate:.0f} windows a second, {flow.wrong} wrong"


def _decode(url: str, count: int, seconds: float, slots: int, windows: int) -> tuple[float, int]:
    """Seconds that it took, and how many windows came back with another's text."""
    at_once = 2 * count * slots
    with _workers(url, count, seconds, slots), _asking(url) as decoder:
        wait_for_slots(decoder, count * slots)
        decode_noise(decoder, at_once, at_once)
        began = time.monotonic()
        wrong = decode_noise(decoder, windows, at_once)
        return time.monotonic() - began, wrong


def settings_of(url: str) -> Settings:
    """Of both sides."""
    return Settings(workers_url=url, model="timed")


@contextmanager
def _asking(url: str) -> Iterator[Decoder]:
    decoder = open_workers(settings_of(url), threading.Event())
    try:
        yield decoder
    finally:
        decoder.close()


@contextmanager
def _workers(url: str, count: int, seconds: float, slots: int) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.speed.timed_worker", url]
    command += [f"--seconds={seconds}", f"--slots={slots}"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
