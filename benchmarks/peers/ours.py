"""This repository's pipeline as a recogniser, with the engine opened once for all files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.formats.types import TimedWord
from benchmarks.machine import cpu_seconds_of_children
from benchmarks.peers.engine_stages import EngineSeconds, engine_stages
from benchmarks.peers.types import Account, PeerSpec, PeerTranscript, PeerUnavailable
from chunking.options import WindowOptions
from chunking.types import Piece, Window
from decoding.errors import DecodingError
from decoding.types import Decoder, DecodingOptions, ModelCard
from transcription.ingest import ingest
from transcription.models import open_decoder
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.reader import ThreadReader
from transcription.settings import Settings
from transcription.types import Recording, Transcript, VoiceActivityDetector, WindowDecoder
from transcription.window_decoder import EngineWindowDecoder


def options_of(spec: PeerSpec, language: str | None) -> TranscriptionOptions:
    """The service's defaults but for what `spec` says."""
    windows = WindowOptions(phase=spec.phase)
    if spec.overlap is not None:
        windows = replace(windows, overlap=spec.overlap)
    return TranscriptionOptions(
        decoding=DecodingOptions(language=language, beam_size=spec.beam_size),
        windows=windows,
        speech=SpeechOptions(skip_silence=spec.skip_silence, drop_invented=True),
    )


def heard_of(transcript: Transcript, account: Account | None = None) -> PeerTranscript:
    """A transcript as the benchmark sees it."""
    return PeerTranscript(
        text=transcript.text,
        words=tuple(TimedWord(w.text.strip(), w.start, w.end) for w in transcript.words),
        seams=tuple(seam.time for seam in transcript.coverage.seams),
        windows=transcript.windows,
        uncovered_seconds=transcript.coverage.uncovered_seconds,
        language=transcript.language,
        account=account,
    )


def account_of(
    transcript: Transcript,
    asked: Sequence[Window],
    cpu_seconds: Mapping[str, float],
    engine: EngineSeconds | None = None,
) -> Account:
    """What the windows `asked` of the engine brought to `transcript`."""
    besides = [window for window in asked if window.kind != "grid"]
    repairs = {window.index for window in besides}
    brought = [word.window for word in transcript.words if word.window in repairs]
    return Account(
        planned=len(asked) - len(repairs),
        repairs=len(repairs),
        repairs_used=len(set(brought)),
        repaired_words=len(brought),
        uncovered=transcript.coverage.uncovered,
        cpu_seconds=cpu_seconds,
        engine_seconds=engine.by_stage if engine else {},
        repair_seconds=engine.of(besides) if engine else 0.0,
    )


class CountedWindows:
    """Passes windows on and remembers those that were to be transcribed."""

    def __init__(self, windows: WindowDecoder) -> None:
        self._windows = windows
        self.asked: list[Window] = []

    @property
    def model(self) -> ModelCard:
        return self._windows.model

    @property
    def vad(self) -> VoiceActivityDetector:
        return self._windows.vad

    def submit(
        self, recording: Recording, windows: Sequence[Window], options: TranscriptionOptions
    ) -> Future[tuple[Piece, ...]]:
        if options.decoding.task == "transcribe":
            self.asked.extend(windows)
        return self._windows.submit(recording, windows, options)


@dataclass(slots=True)
class CpuClock:
    """CPU seconds by stage: what a stage's own thread works is apart from what others work."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Children decode the file, this process listens for speech."""
        process, children = time.process_time(), cpu_seconds_of_children()
        yield
        self.seconds["decode"] = cpu_seconds_of_children() - children
        self.seconds["detectors"] = time.process_time() - process

    @contextmanager
    def transcribing(self) -> Iterator[None]:
        """The engine's threads decode windows, the caller's own thread merges."""
        process, thread = time.process_time(), time.thread_time()
        yield
        merge = time.thread_time() - thread
        self.seconds["windows"] = time.process_time() - process - merge
        self.seconds["merge"] = merge


@dataclass(slots=True)
class Ours:
    """The pipeline on one engine."""

    spec: PeerSpec
    decoder: Decoder

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            **engine_settings(self.spec, self.decoder),
            "ranking": options_of(self.spec, None).decoding.ranking,
            "skip_silence": str(self.spec.skip_silence),
            "overlap": "default" if self.spec.overlap is None else f"{self.spec.overlap:g}",
            "phase": f"{self.spec.phase:g}",
        }

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        windows = CountedWindows(EngineWindowDecoder(self.decoder, group=str(audio)))
        options, clock = options_of(self.spec, language), CpuClock()
        with tempfile.TemporaryDirectory(prefix="longform-") as folder:
            workspace = Path(folder)
            with clock.listening():  # kept in the workspace: `transcribe` does not listen again
                ingest(audio, workspace, options, ThreadReader(), vad=windows.vad)
            with clock.transcribing(), engine_stages() as engine:
                transcript = transcribe(audio, options, windows, workspace=workspace)
        return heard_of(transcript, account_of(transcript, windows.asked, clock.seconds, engine))

    def close(self) -> None:
        self.decoder.close()


def engine_settings(spec: PeerSpec, decoder: Decoder) -> dict[str, str]:
    """Model and machine behind an engine of ours, for the report."""
    card = decoder.model
    return {
        "model": card.name,
        "device": card.device,
        "precision": card.precision,
        "beam_size": str(spec.beam_size),
        "slots": str(decoder.statistics().slots),
    }


def open_ours(spec: PeerSpec) -> Ours:
    """Opens the engine as the service would with the same settings."""
    return Ours(spec, open_engine(spec))


def open_engine(spec: PeerSpec) -> Decoder:
    """The engine that `spec` asks for. Raises PeerUnavailable with one sentence."""
    given: dict[str, Any] = {
        "model": spec.model,
        "devices": spec.device,
        "precision": spec.precision,
        "threads": spec.threads,
        "model_dir": Path(spec.model_dir) if spec.model_dir else None,
    }
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    try:
        return open_decoder(settings)
    except DecodingError as error:
        raise PeerUnavailable(str(error)) from error
