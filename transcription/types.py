"""The nouns of the pipeline and the ports it talks through."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from chunking.spans import clip, intersect, unite
from chunking.types import Coverage, Piece, Segment, Span, Window, Word
from decoding.types import SAMPLE_RATE, ModelCard

if TYPE_CHECKING:
    from transcription.options import TranscriptionOptions

BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class Recording:
    """One channel of decoded sound on disk: headerless 16 kHz mono s16le in `path`.

    Samples are read by position, never mapped, so that memory does not grow with length.
    `digest` identifies the sound (hash of the samples); `channel` is None for a mix-down.
    """

    path: Path
    samples: int
    digest: str
    channel: int | None = None

    @property
    def duration(self) -> float:
        return self.samples / SAMPLE_RATE

    def read(self, span: Span) -> NDArray[np.int16]:
        """Samples of `span`, clipped to the recording; int16, shape (n,).

        Never more than its duration holds, wherever between two samples it begins.
        """
        first = min(max(round(span.start * SAMPLE_RATE), 0), self.samples)
        last = min(round(span.end * SAMPLE_RATE), first + round(span.duration * SAMPLE_RATE))
        last = min(max(last, first), self.samples)
        with self.path.open("rb") as file:
            file.seek(first * BYTES_PER_SAMPLE)
            encoded = file.read((last - first) * BYTES_PER_SAMPLE)
        return np.frombuffer(encoded, dtype="<i2").astype(np.int16)  # a copy that may be written to

    def fingerprint(self, span: Span) -> bytes:
        """Identifies the samples of `span`, also while what is behind them is not yet written."""
        return hashlib.blake2b(self.read(span).tobytes(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class DetectedSpeech:
    """What the speech detectors say of a recording.

    `speech`: where Silero hears speech; decides what is skipped and where edges may move.
    `evidence`: where the second, independent detector hears speech; judges coverage only.
    """

    speech: tuple[Span, ...]
    evidence: tuple[Span, ...]

    @property
    def anything(self) -> tuple[Span, ...]:
        """Everything that either of them takes for speech."""
        return unite((*self.speech, *self.evidence))

    @property
    def agreed(self) -> tuple[Span, ...]:
        """What both of them take for speech."""
        return intersect(self.speech, self.evidence)

    def before(self, time: float) -> DetectedSpeech:
        """What is found before `time`."""
        until = Span(0.0, time)
        return DetectedSpeech(clip(self.speech, until), clip(self.evidence, until))

    def unpadded(self, pad: float) -> tuple[Span, ...]:
        """`speech` without the `pad` seconds that it was given at either end."""
        return tuple(Span(s.start + pad, s.end - pad) for s in self.speech if s.duration > 2 * pad)


@dataclass(frozen=True, slots=True)
class IngestedAudio:
    """A decoded file: each channel with what the detectors say of it, and what was odd."""

    channels: tuple[tuple[Recording, DetectedSpeech], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transcript:
    """The end of the river. Segments are in order; times never go back.

    Of a long recording the segments are packed: going through them holds a few at a time.
    `language` is an ISO 639-1 code. `windows` counts every window decoded, repairs included.
    `warnings` say what was odd about the file, as a damaged stretch.
    """

    language: str
    duration: float
    segments: Sequence[Segment]
    coverage: Coverage
    windows: int
    model: str
    task: str = "transcribe"
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> Iterator[Word]:
        return (word for segment in self.segments for word in segment.words)

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments).strip()


class VoiceActivityDetector(Protocol):
    """Says how probable speech is in each frame of 512 samples; shape (ceil(n / 512),).

    `gain`: how much louder the samples are to be heard. Called from several threads at once.
    """

    def __call__(self, samples: NDArray[np.int16], *, gain: float = 1.0) -> NDArray[np.float32]: ...


class WindowDecoder(Protocol):
    """Decodes a few consecutive windows of one recording; the unit that a job checkpoints.

    `transcription.window_decoder.EngineWindowDecoder` asks an engine; a durable job wraps that one
    and answers from its checkpoints where it can. Pieces come back in the order of `windows`.
    """

    @property
    def model(self) -> ModelCard: ...

    @property
    def vad(self) -> VoiceActivityDetector:
        """What finds speech before there are windows."""
        ...

    def submit(
        self, recording: Recording, windows: Sequence[Window], options: TranscriptionOptions
    ) -> Future[tuple[Piece, ...]]: ...


class Observer(Protocol):
    """Hears of progress while a transcription runs; called from the pipeline's own thread.

    What `ingested` raises ends the transcription: nothing else can before windows are decoded. Of
    a long recording windows are decoded, and words final, before its length is known and `planned`
    is called.
    """

    def ingested(self, seconds: float) -> None:
        """The first `seconds` of the sound are decoded and searched for speech."""
        ...

    def planned(self, seconds: float, windows: int) -> None:
        """Length of the sound, windows to decode: about as many where windows follow the writing
        (told again at the end), and more where some are decoded again."""
        ...

    def decoded(self, windows: int, seconds: float) -> None:
        """`windows` are done so far; `seconds` of the sound are behind us."""
        ...

    def segments(self, segments: Sequence[Segment]) -> None:
        """These can no longer change."""
        ...
