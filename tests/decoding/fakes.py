"""Small decoders that child processes can import, for the tests of processes and clusters."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np

from decoding.errors import EngineFailed, ModelNotFound, QueueFull, UnsupportedOption
from decoding.types import (
    Attempt,
    Clip,
    Decoded,
    Decoder,
    DecodingOptions,
    EngineStatistics,
    ModelCard,
)

CARD = ModelCard("fake", True, ("en",), 7, "cpu", "fp32")
POISON = 6666  # a clip that begins with this kills the process
LOST = 7777  # … ends the engine with EngineFailed
STRANGE = 8888  # … raises an error that cannot be pickled
UNSUPPORTED = 9999
FULL = 5555


def clip(value: int, *, group: str = "g", length: int = 100, dtype: type = np.int16) -> Clip:
    return Clip(np.full(length, value, dtype), group=group, caller="someone", seed=value)


def expected(value: int, length: int = 100) -> str:
    return f"{value * length} {value} en"


def decoded(text: str) -> Decoded:
    attempt = Attempt(0.0, -0.1, 1.0, "accepted")
    return Decoded(text, (1, 2, 3), (), (), "en", -0.1, 0.0, 1.0, 0.0, False, (attempt,))


class StrangeError(Exception):
    def __init__(self, first: str, second: threading.Lock) -> None:
        super().__init__(first)
        self.second = second


class OneByOne:
    """A `Decoder` with a loop in a thread of its own: one clip after another, its turns counted.

    What a clip is answered with is for `decode` to say, in those who are made of this.
    """

    def __init__(self, model: ModelCard = CARD) -> None:
        self.model = model
        self.turns = 0
        self._waiting: list[tuple[Clip, DecodingOptions, Future[Decoded]]] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._num_decoded = 0
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return not self._is_closed

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        future: Future[Decoded] = Future()
        with self._changed:
            self._waiting.append((clip, options, future))
            self._changed.notify()
        return future

    def cancel(self, group: str) -> None:
        with self._changed:
            gone = [one for one in self._waiting if one[0].group == group]
            self._waiting = [one for one in self._waiting if one[0].group != group]
        for _, _, future in gone:
            future.cancel()

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(
            slots=1,
            queued=len(self._waiting),
            windows_decoded=self._num_decoded,
            tokens_decoded=3 * self._num_decoded,
            steps=self.turns,
        )

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def before_a_clip(self) -> None:
        """Somebody waits; nothing is taken yet."""

    def decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        """What is raised is the clip's answer, too."""
        raise NotImplementedError

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
            self.before_a_clip()
            with self._changed:
                found = self._waiting.pop(0) if self._waiting else None
            if found is not None:
                self._answer(*found)
            self.turns += 1

    def _answer(self, clip: Clip, options: DecodingOptions, future: Future[Decoded]) -> None:
        try:
            answer = self.decode(clip, options)
        except Exception as error:  # noqa: BLE001 - all that a real loop could meet
            future.set_exception(error)
        else:
            self._num_decoded += 1
            future.set_result(answer)


class Summing(OneByOne):
    """Answers with the sum of the samples, after `seconds` for each clip."""

    def __init__(self, seconds: float = 0.0, pids: str | None = None, device: str = "cpu") -> None:
        self._seconds = seconds
        if pids:
            with Path(pids).open("a") as file:
                file.write(f"{os.getpid()}\n")
        super().__init__(replace(CARD, device=device))

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        first = int(clip.samples[0])
        if first == UNSUPPORTED:
            raise UnsupportedOption("not this one")
        if first == FULL:
            raise QueueFull("full")
        return super().submit(clip, options)

    def decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        time.sleep(self._seconds)
        first = int(clip.samples[0])
        if first == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == LOST:
            raise EngineFailed("the device is lost")
        if first == STRANGE:
            raise StrangeError("strange", threading.Lock())
        total = int(clip.samples.sum(dtype=np.float64))
        told = clip.expected
        until = "" if told.needed_until is None else f" needed until {told.needed_until}"
        if told.spoken_until is not None:
            until = f"{until} spoken until {told.spoken_until}, {told.spoken_seconds} s"
        return decoded(f"{total} {clip.seed} {options.language}{until}")


def missing_model() -> Summing:
    raise ModelNotFound("no model is called xyz; take tiny")


def dies_at_start() -> Summing:
    os._exit(9)


def works_unless(broken: str) -> Summing:
    """Opens unless there is such a file: then the process dies while it starts."""
    if Path(broken).exists():
        os._exit(9)
    return Summing(0.05)


def slow_start(seconds: float, marker: str) -> Summing:
    """The first process starts at once, later ones after `seconds`."""
    if Path(marker).exists():
        time.sleep(seconds)
    Path(marker).touch()
    return Summing(0.05)


def loading() -> Summing:
    """Says which process it is, and takes very long."""
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    time.sleep(60.0)
    return Summing()


def engine_with_random_weights() -> Decoder:
    """A real engine; torch is imported only in the process that asks for it."""
    from decoding.engine.engine import Engine
    from decoding.loading.loader import load_model
    from tests.decoding.small_models import random_model, save

    with tempfile.TemporaryDirectory() as folder:
        loaded = load_model(str(save(random_model(3), Path(folder) / "small.pt")))
    return Engine(loaded, slots=1, threads=1)
