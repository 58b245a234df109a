"""What the host does beside decoding: `python -m benchmarks speed --host`.

Audio decoding, voice activity, the second detector and log-mel, in seconds of processor time, and
their share of the whole when the same windows are decoded by models of true sizes.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound
from chunking.options import WindowOptions
from chunking.types import Window
from chunking.windows import plan_windows
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.model.mel import LogMel
from decoding.types import Clip, DecodingOptions
from transcription.ingest import ingest
from transcription.options import TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.silero import speech_probabilities
from transcription.types import Recording

TOKENS: Final = 64
WINDOWS: Final = 8  # decoded; the others cost the same


@dataclass(frozen=True, slots=True)
class Host:
    """Processor seconds for a whole file of `seconds`, which makes `windows` windows.

    `voice_activity` is the part of `detectors` that an engine on a graphics processor takes over.
    """

    seconds: float
    windows: int
    sound_decoding: float
    detectors: float
    voice_activity: float
    log_mel: float

    @property
    def per_window(self) -> float:
        return (self.sound_decoding + self.detectors + self.log_mel) / self.windows

    def share(self, decoding_per_window: float) -> float:
        """Of the whole; `decoding_per_window` holds the log-mel too."""
        side_stream = (self.sound_decoding + self.detectors) / self.windows
        return self.per_window / (side_stream + decoding_per_window)


class _TimedDetector:
    """A `VoiceActivityDetector` that counts the processor seconds of its calls, whichever threads
    they come from."""

    def __init__(self) -> None:
        self.spent: list[float] = []

    def __call__(self, samples: NDArray[np.int16], *, gain: float = 1.0) -> NDArray[np.float32]:
        began = time.thread_time()
        probabilities = speech_probabilities(samples, gain=gain)
        self.spent.append(time.thread_time() - began)
        return probabilities


def measure_host(source: Path) -> Host:
    """Decode the file, search it for speech, and make the log-mel of all of its windows; one
    thread."""
    torch.set_num_threads(1)
    vad = _TimedDetector()
    with tempfile.TemporaryDirectory() as folder:
        children, own = _used(resource.RUSAGE_CHILDREN), time.process_time()
        heard = ingest(source, Path(folder), TranscriptionOptions(), ThreadReader(), vad=vad)
        own = time.process_time() - own
        children = _used(resource.RUSAGE_CHILDREN) - children
        recording, speech = heard.channels[0]
        plan = plan_windows(speech.speech, recording.duration, WindowOptions(), skip_silence=True)
        mel = _log_mel(recording, plan)
    return Host(recording.duration, len(plan), children, own, sum(vad.spent), mel)


def _log_mel(recording: Recording, plan: Sequence[Window]) -> float:
    clips = [recording.read(window.span) for window in plan]
    mel = LogMel(80, torch.device("cpu"))
    began = time.process_time()
    for clip in clips:
        mel([clip])
    return time.process_time() - began


def decoding_per_window(size: str, precision: str, cache: Path | None) -> float:
    """Processor seconds for one of eight windows decoded together, log-mel included."""
    model = load_model(str(random_checkpoint(size, cache)), precision=precision)
    engine = Engine(model, slots=WINDOWS, threads=1)
    try:
        clips = [Clip(samples) for samples in sound.windows(WINDOWS)]
        options = _options(sound.never_tokens(model.dimensions.n_vocab))
        engine.submit(clips[0], options).result()  # warm
        began = time.process_time()
        for future in [engine.submit(clip, options) for clip in clips]:
            future.result()
        return (time.process_time() - began) / WINDOWS
    finally:
        engine.close()


def _options(never: tuple[int, ...]) -> DecodingOptions:
    return DecodingOptions(
        language="en",
        temperatures=(0.0,),
        sample_len=TOKENS,
        suppress_tokens=never,
        word_timestamps=False,
    )


def _used(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def told(host: Host, size: str, precision: str, decoding: float) -> str:
    return (
        f"{size} {precision}: {decoding:.3f} s of decoding per window of {TOKENS} tokens, beside "
        f"it {host.per_window:.3f} s: {host.share(decoding):.1%} of the whole"
    )


def told_alone(host: Host) -> str:
    return (
        f"{host.seconds:.0f} s of sound in {host.windows} windows: audio decoding "
        f"{host.sound_decoding:.2f} s of CPU, detectors {host.detectors:.2f} s (voice activity "
        f"{host.voice_activity:.2f} s of it), log-mel {host.log_mel:.2f} s; "
        f"{1000 * host.per_window:.0f} ms per window, "
        f"{3600 * host.windows * host.per_window / host.seconds:.1f} s per hour"
    )
