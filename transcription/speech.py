"""Where speech is in a recording, by two detectors that know nothing of each other.

Silero decides what is skipped; the second detector (`transcription.energy_vad`) only judges
coverage. Both work on fixed stretches of four minutes with a little sound around them, so that
memory does not grow with length, stretches run in parallel, and the answer depends on the samples
alone. Nothing is ever cut out of the sound here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from chunking.types import Span
from decoding.device.processors import usable_processors
from decoding.types import SAMPLE_RATE
from decoding.voice_activity.silero_file import FRAME_SAMPLES
from transcription import energy_vad, silero
from transcription.options import SpeechOptions
from transcription.silero import LEAD_IN_FRAMES
from transcription.types import DetectedSpeech, Recording, VoiceActivityDetector

STRETCH_SECONDS = 240.0
SILERO_FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
LEAD_IN_SECONDS = LEAD_IN_FRAMES * SILERO_FRAME_SECONDS  # whole frames: the grid stays one grid
PAUSE_FRAMES = round(3.0 / SILERO_FRAME_SECONDS)
REST_FRAMES = round(4.0 / SILERO_FRAME_SECONDS)
LATE_FRAMES = round(2.0 / SILERO_FRAME_SECONDS)
EVIDENCE_FRAME_SECONDS = energy_vad.HOP_SAMPLES / SAMPLE_RATE
MAX_THREADS = 4

HYSTERESIS = 0.15  # speech goes on until the probability falls this far below the threshold
LOWEST_THRESHOLD = 0.01
MIN_SPEECH_SECONDS = 0.1
EVIDENCE_JOIN_SECONDS = 0.3
MIN_EVIDENCE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class StretchFrames:
    """What both detectors say of one stretch, frame by frame."""

    probabilities: NDArray[np.float32]
    activity: NDArray[np.bool_]


class SpeechFrames:
    """What both detectors say of a recording's first stretches, and the spans that follow from it.

    What was found in the first `settled` seconds does not change any more, but for a span that
    reaches there.
    """

    def __init__(self, options: SpeechOptions) -> None:
        self._options = options
        self._stretches: list[StretchFrames] = []

    def __len__(self) -> int:
        return len(self._stretches)

    @property
    def settled(self) -> float:
        """Seconds of the recording that have been judged."""
        return len(self) * STRETCH_SECONDS

    def add(self, stretches: Iterable[StretchFrames]) -> None:
        """Those that follow on what is known."""
        self._stretches += stretches

    def detected(self, duration: float) -> DetectedSpeech:
        """The spans found in the first `duration` seconds, which have been judged."""
        nothing = StretchFrames(np.zeros(0, np.float32), np.zeros(0, np.bool_))
        found = (nothing, *self._stretches[: math.ceil(duration / STRETCH_SECONDS)])
        probabilities = np.concatenate([frames.probabilities for frames in found])
        activity = np.concatenate([frames.activity for frames in found])
        return DetectedSpeech(
            speech=tuple(_spoken(probabilities, self._options, duration)),
            evidence=tuple(_evident(activity, duration)),
        )


class SpeechDetector:
    """Searches a recording for speech while it is still being written, in threads of its own.

    `advance` has the stretches judged that are complete by now, and gives, in order, those that are
    judged; `finish` waits for the rest. `frames` is all that it has given. `vad` is who runs
    Silero's model; what it raises ends the search. To be closed if it is not finished.
    """

    def __init__(
        self,
        options: SpeechOptions,
        *,
        vad: VoiceActivityDetector = silero.speech_probabilities,
        threads: int | None = None,
    ) -> None:
        self.frames = SpeechFrames(options)
        self._threshold = options.threshold
        self._vad = vad
        self._pool = ThreadPoolExecutor(threads or min(MAX_THREADS, usable_processors()), "speech")
        self._begun: deque[Future[StretchFrames]] = deque()

    def close(self) -> None:
        """Judge no more; waits for what is being judged."""
        self._pool.shutdown(cancel_futures=True)

    @property
    def is_busy(self) -> bool:
        """Whether stretches are being judged, or have been and were not given yet."""
        return bool(self._begun)

    def advance(self, recording: Recording, *, wait: bool = False) -> tuple[StretchFrames, ...]:
        """Every stretch counts whose sound, and a little after it, has been written.

        `wait` for the next one, if there is any.
        """
        self._begin(recording, complete_stretches(recording.duration))
        return self._taken(least=1 if wait else 0)

    def finish(self, recording: Recording) -> DetectedSpeech:
        """The whole answer for the whole recording."""
        self._begin(recording, math.ceil(recording.duration / STRETCH_SECONDS))
        self._taken(least=len(self._begun))
        self.close()
        return self.frames.detected(recording.duration)

    def _begin(self, recording: Recording, until: int) -> None:
        """Have the stretches up to number `until` judged."""
        for number in range(len(self.frames) + len(self._begun), until):
            judge = partial(copy_context().run, self._judge_stretch, recording, number)
            self._begun.append(self._pool.submit(judge))

    def _taken(self, *, least: int) -> tuple[StretchFrames, ...]:
        taken: list[StretchFrames] = []
        while self._begun and (len(taken) < least or self._begun[0].done()):
            taken.append(self._begun.popleft().result())
        self.frames.add(taken)
        return tuple(taken)

    def _judge_stretch(self, recording: Recording, number: int) -> StretchFrames:
        start = number * STRETCH_SECONDS
        end = min(start + STRETCH_SECONDS, recording.duration)
        first = max(start - LEAD_IN_SECONDS, 0.0)
        samples = recording.read(Span(first, end + energy_vad.MARGIN_SECONDS))
        before = round((start - first) * SAMPLE_RATE)
        here = round((end - start) * SAMPLE_RATE)
        section = samples[: before + here]
        probabilities = self._probabilities(section)
        activity = energy_vad.detect_activity(samples)
        skipped = before // energy_vad.HOP_SAMPLES
        return StretchFrames(
            probabilities[before // FRAME_SAMPLES :],
            activity[skipped : skipped + -(-here // energy_vad.HOP_SAMPLES)],
        )

    def _probabilities(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Silero's, who after minutes of music hears a voice up to two seconds late: what comes
        before each onset behind a long pause is heard again, from rest."""
        gain = silero.gain_for(samples)
        found = self._vad(samples, gain=gain).copy()
        for onset in _onsets(found >= self._threshold):
            first = max(onset - REST_FRAMES, 0)
            cut = samples[first * FRAME_SAMPLES : onset * FRAME_SAMPLES]
            late = slice(max(onset - LATE_FRAMES, first), onset)
            again = self._vad(cut, gain=gain)[late.start - first :]
            found[late] = np.maximum(found[late], again)
        return found


def complete_stretches(seconds: float) -> int:
    """How many stretches of a recording can be judged when so much of it has been written."""
    return max(int((seconds - energy_vad.MARGIN_SECONDS) // STRETCH_SECONDS), 0)


def find_speech(recording: Recording, options: SpeechOptions) -> DetectedSpeech:
    """Where `recording` holds speech; both lists are in order and do not overlap."""
    return SpeechDetector(options).finish(recording)


def _spoken(
    probabilities: NDArray[np.float32], options: SpeechOptions, duration: float
) -> Iterator[Span]:
    """Silero's frames as spans: hysteresis, short pauses bridged, blips dropped, edges padded."""
    until = max(options.threshold - HYSTERESIS, LOWEST_THRESHOLD)
    held = _held(probabilities >= options.threshold, probabilities >= until)
    runs = _runs(held, SILERO_FRAME_SECONDS, duration)
    spoken = (
        run for run in _bridged(runs, options.min_silence) if run.duration >= MIN_SPEECH_SECONDS
    )
    padded = (
        Span(max(s.start - options.pad, 0.0), min(s.end + options.pad, duration)) for s in spoken
    )
    return _bridged(padded, 0.0)


def _evident(activity: NDArray[np.bool_], duration: float) -> Iterator[Span]:
    runs = _runs(activity, EVIDENCE_FRAME_SECONDS, duration)
    joined = _bridged(runs, EVIDENCE_JOIN_SECONDS)
    return (span for span in joined if span.duration >= MIN_EVIDENCE_SECONDS)


def _onsets(starts: NDArray[np.bool_]) -> list[int]:
    """The frames in which speech starts after `PAUSE_FRAMES` or more without a start."""
    frames = np.flatnonzero(starts)
    pauses = np.diff(frames, prepend=-PAUSE_FRAMES - 1) - 1
    return [int(frame) for frame in frames[pauses >= PAUSE_FRAMES] if frame > 0]


def _held(starts: NDArray[np.bool_], goes_on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True from each start for as long as it goes on."""
    position = np.arange(len(starts))
    last_start = np.maximum.accumulate(np.where(starts, position, -1))
    last_stop = np.maximum.accumulate(np.where(goes_on, -1, position))
    held: NDArray[np.bool_] = last_start > last_stop
    return held


def _runs(frames: NDArray[np.bool_], frame_seconds: float, duration: float) -> Iterator[Span]:
    """Runs of true frames as spans, clipped to the recording."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], frames, [False])).astype(np.int8)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        start = float(first) * frame_seconds
        yield Span(min(start, duration), min(float(last) * frame_seconds, duration))


def _bridged(spans: Iterable[Span], gap: float) -> Iterator[Span]:
    """Spans joined where no more than `gap` seconds lie between them."""
    current: Span | None = None
    for span in spans:
        if current is not None and span.start - current.end <= gap:
            current = Span(current.start, max(current.end, span.end))
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current
