"""openai-whisper's `decode` on single windows: what we have to decode too.

Answers are kept, because they take most of a proof's time: one taken up again asks only for those
that are missing. What we decode is never kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import whisper
from numpy.typing import NDArray

from benchmarks.checkpoint_conversion import fingerprint, full_checkpoint, open_files_unreported
from benchmarks.speed.systems import sound
from decoding.types import DecodingOptions

PACKAGE: Final = "openai-whisper"


@dataclass(frozen=True, slots=True)
class Answer:
    """What openai-whisper decoded in one window."""

    tokens: tuple[int, ...]
    avg_logprob: float
    language: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Answer:
        return cls(tuple(row["tokens"]), row["avg_logprob"], row["language"])


class Reference:
    """A model in openai-whisper, at fp32 on `device`; loaded when first asked.

    `kept`: a file of answers that is read and added to. An answer is found again by the weights,
    the samples, the options and openai-whisper's version.
    """

    def __init__(self, model: str, device: str, kept: Path | None = None) -> None:
        self._name = model
        self._device = device
        self._kept = kept
        self._model: Any = None
        self._answers = _read(kept) if kept is not None else {}
        self._weights = f"{fingerprint(model) or model} {PACKAGE} {version(PACKAGE)}"

    def decode(self, samples: NDArray[np.int16], options: DecodingOptions) -> Answer:
        """One window of at most 30 s; `language` None is detected by a multilingual model."""
        asked = {
            "language": options.language,
            "beam_size": options.beam_size,
            "prompt": options.prompt,
            "sample_len": options.sample_len,
        }
        key = _key(self._weights, samples, asked)
        if key not in self._answers:
            self._answers[key] = self._ask(samples, asked)
            self._keep(key, self._answers[key])
        return self._answers[key]

    def _ask(self, samples: NDArray[np.int16], asked: Mapping[str, Any]) -> Answer:
        if self._model is None:
            path = str(full_checkpoint(self._name))
            self._model = whisper.load_model(path, device=self._device)
        if asked["language"] is None and not self._model.is_multilingual:
            asked = {**asked, "language": "en"}  # it refuses to detect
        padded = whisper.pad_or_trim(sound.as_float(samples))  # silence, not frames of zeros
        mel = whisper.log_mel_spectrogram(padded, self._model.dims.n_mels, device=self._device)
        with open_files_unreported():
            found = whisper.decode(self._model, mel, whisper.DecodingOptions(fp16=False, **asked))
        return Answer(tuple(found.tokens), float(found.avg_logprob), str(found.language))

    def _keep(self, key: str, answer: Answer) -> None:
        if self._kept is None:
            return
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        with self._kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **asdict(answer)}) + "\n")


def _key(weights: str, samples: NDArray[np.int16], asked: Mapping[str, Any]) -> str:
    digest = hashlib.blake2b(samples.tobytes(), digest_size=12)
    digest.update(json.dumps([weights, dict(asked)], sort_keys=True).encode())
    return digest.hexdigest()


def _read(kept: Path) -> dict[str, Answer]:
    """Answers of a file; a last line that was cut off is asked for again."""
    answers = {}
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    for line in lines:
        try:
            row = json.loads(line)
            answers[row["key"]] = Answer.of(row)
        except (ValueError, KeyError, TypeError):
            continue
    return answers
