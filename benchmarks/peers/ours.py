"""This repository's pipeline as a recogniser, with the engine opened once for all files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.formats.types import TimedWord
from benchmarks.peers.types import PeerSpec, PeerTranscript, PeerUnavailable
from chunking.options import MergeOptions, WindowOptions
from decoding.errors import DecodingError
from decoding.types import Decoder, DecodingOptions
from transcription.models import open_decoder
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.settings import Settings
from transcription.types import Transcript
from transcription.window_decoder import EngineWindowDecoder


def options_of(spec: PeerSpec, language: str | None) -> TranscriptionOptions:
    """The service's defaults but for what `spec` says."""
    return TranscriptionOptions(
        decoding=DecodingOptions(language=language, beam_size=spec.beam_size),
        windows=WindowOptions() if spec.overlap is None else WindowOptions(overlap=spec.overlap),
        merge=MergeOptions() if spec.vote is None else MergeOptions(vote=spec.vote),
        speech=SpeechOptions(skip_silence=spec.skip_silence, drop_invented=True),
    )


def heard_of(transcript: Transcript) -> PeerTranscript:
    """A transcript as the benchmark sees it."""
    return PeerTranscript(
        text=transcript.text,
        words=tuple(TimedWord(w.text.strip(), w.start, w.end) for w in transcript.words),
        seams=tuple(seam.time for seam in transcript.coverage.seams),
        windows=transcript.windows,
        uncovered_seconds=transcript.coverage.uncovered_seconds,
    )


@dataclass(slots=True)
class Ours:
    """The pipeline on one engine."""

    spec: PeerSpec
    decoder: Decoder

    @property
    def settings(self) -> Mapping[str, str]:
        card = self.decoder.model
        return {
            "model": card.name,
            "device": card.device,
            "precision": card.precision,
            "beam_size": str(self.spec.beam_size),
            "skip_silence": str(self.spec.skip_silence),
            "vote": "default" if self.spec.vote is None else str(self.spec.vote),
            "overlap": "default" if self.spec.overlap is None else f"{self.spec.overlap:g}",
            "slots": str(self.decoder.statistics().slots),
        }

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        windows = EngineWindowDecoder(self.decoder, group=str(audio))
        with tempfile.TemporaryDirectory(prefix="longform-") as folder:
            options = options_of(self.spec, language)
            return heard_of(transcribe(audio, options, windows, workspace=Path(folder)))

    def close(self) -> None:
        self.decoder.close()


def open_ours(spec: PeerSpec) -> Ours:
    """Opens the engine as the service would with the same settings."""
    given: dict[str, Any] = {
        "model": spec.model,
        "devices": spec.device,
        "precision": spec.precision,
        "threads": spec.threads,
        "model_dir": Path(spec.model_dir) if spec.model_dir else None,
    }
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    try:
        return Ours(spec, open_decoder(settings))
    except DecodingError as error:
        raise PeerUnavailable(str(error)) from error
