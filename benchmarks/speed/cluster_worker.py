"""What is measured on a cluster, in a process on the host that asks.

Windows of noise go to replicas of a timed engine, by the way that a service's windows go. Prints
one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.speed.timed_engine import TimedEngine, digest_of
from decoding.cluster.connection import Connection
from decoding.cluster.deployment import Application, Scaling
from decoding.cluster.gateway import Gateway, open_gateway
from decoding.cluster.serve_decoder import Limits
from decoding.types import CLIP_SAMPLES, Clip, Decoded, Decoder, DecodingOptions

OPTIONS = DecodingOptions(language="en")
KINDS = 16  # different windows


def main() -> None:
    given = _arguments().parse_args()
    scaling = Scaling(given.replicas, given.replicas, gpus=0, cpus=1, windows_at_once=given.slots)
    factory = partial(TimedEngine, given.seconds, given.slots)
    application = Application("timed", factory, scaling)
    at_once = 2 * given.replicas * given.slots
    connection = Connection(given.address, given.token)
    decoder = open_gateway(Gateway(connection, application, Limits(clips=2 * at_once)))
    wait_for_slots(decoder, given.replicas * given.slots)
    decode_noise(decoder, at_once, at_once)
    began = time.monotonic()
    wrong = decode_noise(decoder, given.windows, at_once)
    answer = {"seconds": time.monotonic() - began, "wrong": wrong}
    sys.stdout.write(json.dumps(answer) + "\n")
    decoder.close()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("token", type=Path)
    parser.add_argument("--replicas", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of a window")
    parser.add_argument("--windows", type=int, required=True)
    return parser


def wait_for_slots(decoder: Decoder, slots: int) -> None:
    """Until all of them are there."""
    while decoder.statistics().slots < slots:
        time.sleep(0.2)


def decode_noise(decoder: Decoder, count: int, at_once: int) -> int:
    """Decode so many windows of 30 s, so many under way at a time; how many texts are wrong."""
    noise = np.random.default_rng(7)
    clips = [
        Clip(noise.integers(-3000, 3000, CLIP_SAMPLES, np.int16), group=f"{kind % 4}")
        for kind in range(KINDS)
    ]
    room = threading.Semaphore(at_once)

    def release(_done: Future[Decoded]) -> None:
        room.release()

    futures = []
    for number in range(count):
        room.acquire()
        future = decoder.submit(clips[number % KINDS], OPTIONS)
        future.add_done_callback(release)
        futures.append(future)
    right = [digest_of(clip) for clip in clips]
    return sum(
        future.result().text != right[number % KINDS] for number, future in enumerate(futures)
    )


if __name__ == "__main__":
    main()
