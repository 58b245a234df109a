"""Many requests at once: `python -m benchmarks speed --load`.

Short and long requests meet in one engine, at a size so small that the queue is what is measured:
what each gives is compared with what it gives alone, and how long it waited with first come, first
served. Then a long request beside endless short ones. No network, no files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks.speed.sizes import random_checkpoint
from chunking.options import WindowOptions
from chunking.types import Span
from chunking.windows import plan_windows
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.model.loaded_model import LoadedModel
from decoding.types import CLIP_SAMPLES, SAMPLE_RATE, Clip, Decoded, DecodingOptions

MIX: Final = ((180, 60.0), (16, 300.0), (4, 1800.0))  # so many requests, up to so many seconds
FIXED: Final = 1800.0  # requests that may be this long are
OPTIONS: Final = DecodingOptions(
    language="en", beam_size=5, temperatures=(0.0,), sample_len=6, word_timestamps=False
)
SLOTS: Final = 8
SHORT_AT_ONCE: Final = 8
LONG_WINDOWS: Final = 24
SEED: Final = 20_251_124
QUEUE_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class Request:
    """A group of windows; `is_short` as the mix says."""

    name: str
    windows: tuple[int, ...]  # seeds of made-up sound
    is_short: bool


@dataclass(frozen=True, slots=True)
class Load:
    """What became of a mix of requests.

    Seconds from the moment when all were submitted together to the last window of a request.
    """

    requests: int
    windows: int
    differing: int
    short_median: float
    short_median_in_turn: float
    longest: float
    longest_in_turn: float

    @property
    def ratio(self) -> float:
        """Median latency of short requests, to first come, first served."""
        return self.short_median / self.short_median_in_turn


@dataclass(frozen=True, slots=True)
class Share:
    """A long request beside endless short ones: turns that it had of those that were taken."""

    long_windows: int
    all_windows: int
    groups: int

    @property
    def fair_shares(self) -> float:
        """How many times its fair share of time it took."""
        return self.all_windows / (self.long_windows * self.groups)


def made_up_requests(mix: Sequence[tuple[int, float]] = MIX) -> list[Request]:
    """The mix in a random order, the same always; cut into windows as recordings are."""
    rng = np.random.default_rng(SEED)
    requests: list[Request] = []
    for count, most in mix:
        for _ in range(count):
            seconds = most if most >= FIXED else rng.uniform(5.0, most)
            planned = plan_windows((Span(0.0, seconds),), seconds, WindowOptions())
            windows = rng.integers(1 << 30, size=len(planned))
            name = f"{most:.0f} s, {len(requests)}"
            requests.append(Request(name, tuple(windows.tolist()), most == mix[0][1]))
    return [requests[at] for at in rng.permutation(len(requests))]


def meet(requests: Sequence[Request], cache: Path | None) -> Load:
    """All requests at once: fair, then in turn, then each window alone."""
    model = load_model(str(random_checkpoint("toy", cache)))
    sounds = [tuple(_sound(seed) for seed in request.windows) for request in requests]
    fair, fair_ends = _all_at_once(model, _clips(requests, sounds, _fair))
    _, turn_ends = _all_at_once(model, _clips(requests, sounds, _in_turn))
    alone = _alone(model, sounds)
    differing = sum(a != b for a, b in zip(fair, alone, strict=True))
    short = [at for at, request in enumerate(requests) if request.is_short]
    return Load(
        requests=len(requests),
        windows=sum(len(request.windows) for request in requests),
        differing=differing,
        short_median=median(fair_ends[at] for at in short),
        short_median_in_turn=median(turn_ends[at] for at in short),
        longest=max(fair_ends),
        longest_in_turn=max(turn_ends),
    )


def share_of_the_long(cache: Path | None, long_windows: int = LONG_WINDOWS) -> Share:
    """A long request and, at any time, `SHORT_AT_ONCE` short ones of the same caller."""
    engine = _engine(load_model(str(random_checkpoint("toy", cache))), 1)
    try:
        clips = [
            Clip(_sound(at), group="long", windows_left=long_windows - at)
            for at in range(long_windows)
        ]
        return _share_of(
            [engine.submit(clip, OPTIONS) for clip in clips],
            lambda number: engine.submit(Clip(_sound(number), group=f"short {number}"), OPTIONS),
        )
    finally:
        engine.close()


def _share_of(long: Sequence[Future[Decoded]], submit: Callable[[int], Future[Decoded]]) -> Share:
    """Beside the windows `long`, `submit` gives the short request of a number.

    Waits for windows that are not done alone: with the others it would not wait at all.
    """
    missing, short = set(long), {submit(number) for number in range(SHORT_AT_ONCE)}
    submitted, finished = SHORT_AT_ONCE, 0
    while missing:
        done, _ = wait(missing | short, return_when=FIRST_COMPLETED)
        finished += len(done & short)
        missing, short = missing - done, short - done
        while missing and len(short) < SHORT_AT_ONCE:
            short.add(submit(submitted))
            submitted += 1
    return Share(len(long), finished + len(long), SHORT_AT_ONCE + 1)


Sound = np.ndarray[tuple[int], np.dtype[np.int16]]
Labels = Callable[[Request, int, Clip], Clip]


def _clips(
    requests: Sequence[Request], sounds: Sequence[Sequence[Sound]], label: Labels
) -> list[list[Clip]]:
    """The clips of each request."""
    return [
        [label(request, at, Clip(sound)) for at, sound in enumerate(mine)]
        for request, mine in zip(requests, sounds, strict=True)
    ]


def _fair(request: Request, at: int, clip: Clip) -> Clip:
    return replace(clip, group=request.name, windows_left=len(request.windows) - at)


def _in_turn(_request: Request, _at: int, clip: Clip) -> Clip:
    """One group for all: the queue knows no requests, and takes windows as they came."""
    return clip


def _all_at_once(
    model: LoadedModel, requests: Sequence[Sequence[Clip]]
) -> tuple[list[tuple[Decoded, ...]], list[float]]:
    """What each request gave, and after how many seconds."""
    engine = _engine(model, SLOTS)
    ends = [0.0] * len(requests)
    try:
        began = time.perf_counter()

        def note_end(at: int) -> Callable[[Future[Decoded]], None]:
            def note(_future: Future[Decoded]) -> None:
                ends[at] = max(ends[at], time.perf_counter() - began)

            return note

        futures = [[engine.submit(clip, OPTIONS) for clip in clips] for clips in requests]
        for number, mine in enumerate(futures):
            for future in mine:
                future.add_done_callback(note_end(number))
        return [tuple(future.result() for future in mine) for mine in futures], ends
    finally:
        engine.close()


def _alone(model: LoadedModel, sounds: Sequence[Sequence[Sound]]) -> list[tuple[Decoded, ...]]:
    engine = _engine(model, 1)
    try:
        return [
            tuple(engine.submit(Clip(sound), OPTIONS).result() for sound in mine) for mine in sounds
        ]
    finally:
        engine.close()


def _engine(model: LoadedModel, slots: int) -> Engine:
    return Engine(model, slots=slots, threads=1, queue_limit=QUEUE_LIMIT)


def _sound(seed: int) -> Sound:
    """Thirty seconds of noise whose loudness changes every second."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.integers(100, 8000, CLIP_SAMPLES // SAMPLE_RATE), SAMPLE_RATE)
    noise = rng.integers(-128, 128, CLIP_SAMPLES)
    return (noise * loudness // 128).astype(np.int16)


def told(load: Load, share: Share) -> list[str]:
    """The figures in sentences."""
    return [
        f"{load.requests} requests of {load.windows} windows at once: {load.differing} differ from "
        "what they give alone",
        f"median latency of the short ones {load.short_median:.2f} s, first come first served "
        f"{load.short_median_in_turn:.2f} s: {load.ratio:.2f} of it",
        f"the last request ended after {load.longest:.2f} s, first come first served "
        f"{load.longest_in_turn:.2f} s",
        f"beside endless short requests a long one had {share.long_windows} of "
        f"{share.all_windows} turns among {share.groups} groups: it took "
        f"{share.fair_shares:.2f} times its fair share",
    ]
