"""faster-whisper: the sequential algorithm and the batched one, on CTranslate2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.checkpoint_conversion import OFFICIAL_NAMES, ctranslate2_folder
from benchmarks.formats.types import TimedWord
from benchmarks.peers.types import PeerSpec, PeerTranscript

# Both `auto` mean the quickest that the device has.
COMPUTE_TYPES = {"auto": "auto", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


@dataclass(slots=True)
class FasterWhisper:
    """`recogniser.transcribe` with `options`; the generator is read to its end."""

    spec: PeerSpec
    recogniser: Any  # WhisperModel or BatchedInferencePipeline, neither is typed
    options: Mapping[str, Any]
    compute_type: str

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "model": self.spec.model,
            "device": self.spec.device,
            "precision": self.compute_type,
            **{name: str(value) for name, value in self.options.items()},
        }

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        found, told = self.recogniser.transcribe(str(audio), language=language, **self.options)
        segments = list(found)
        return PeerTranscript(
            text="".join(segment.text for segment in segments).strip(),
            words=tuple(
                TimedWord(word.word.strip(), word.start, word.end)
                for segment in segments
                for word in segment.words or ()
            ),
            language=told.language,
        )

    def close(self) -> None:
        del self.recogniser


def _load(spec: PeerSpec) -> tuple[Any, str]:
    from faster_whisper import WhisperModel

    compute_type = COMPUTE_TYPES.get(spec.precision, spec.precision)
    device, _, index = spec.device.partition(":")
    name = spec.model if spec.model in OFFICIAL_NAMES else str(ctranslate2_folder(spec.model))
    model = WhisperModel(
        name,
        device=device,
        device_index=int(index or 0),
        compute_type=compute_type,
        cpu_threads=spec.threads or 0,
        download_root=spec.model_dir,
    )
    return model, str(model.model.compute_type)


def open_sequential(spec: PeerSpec) -> FasterWhisper:
    """faster-whisper's defaults: previous text as prompt, no voice activity filter."""
    model, compute_type = _load(spec)
    options = {
        "beam_size": spec.beam_size,
        "word_timestamps": True,
        "vad_filter": False,
        "condition_on_previous_text": spec.previous_text,
    }
    return FasterWhisper(spec, model, options, compute_type)


def open_batched(spec: PeerSpec) -> FasterWhisper:
    """The batched pipeline's defaults: windows of speech found by voice activity."""
    from faster_whisper import BatchedInferencePipeline

    model, compute_type = _load(spec)
    options = {
        "beam_size": spec.beam_size,
        "word_timestamps": True,
        "batch_size": spec.batch_size,
    }
    return FasterWhisper(spec, BatchedInferencePipeline(model=model), options, compute_type)
