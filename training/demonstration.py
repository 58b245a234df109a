"""Shows that fine-tuning works: the demo model learns voices that it has never heard.

Training and measured sentences are on different sides of the split; nothing is shared but voices.
"""

from __future__ import annotations

import json
import random
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from whisper.model import Whisper

from decoding.types import SAMPLE_RATE
from training import lora
from training.adaptation import AdaptationOptions, News, adapt, save_model
from training.evaluation import evaluate_set
from training.grammar import sentences
from training.manifest import load_examples, read_manifest
from training.split import Purpose
from training.synthesis import fresh_synthesiser
from training.voices import HELD_OUT, drawn

MEASURED = "held-out-template"
MARGIN = 0.3  # seconds of silence around a sentence


@dataclass(frozen=True, slots=True)
class Speech:
    """How many sentences to speak in the new voices, and how to learn from them."""

    training: int = 240
    validation: int = 24
    random_share: float = 0.2
    seed: int = 77


def demonstrate(
    model: Whisper,
    folder: Path,
    speech: Speech,
    options: AdaptationOptions,
    report: Callable[[News], None],
) -> dict[str, Any]:
    """Fine-tune `model` on held-out voices and measure before and after; keeps what it made."""
    training = write_speech(folder, "train", speech.training, "training", speech)
    validation = write_speech(folder, "validation", speech.validation, "training", speech)
    before = evaluate_set(model, MEASURED)
    adapted = adapt(
        model,
        load_examples(read_manifest(training)),
        load_examples(read_manifest(validation)),
        options,
        report,
    )
    if options.adapter is None:
        save_model(model, folder)
    else:
        lora.save_adapter(model, options.adapter, "demo", folder / "adapter")
    after = evaluate_set(model, MEASURED)
    return {
        "set": MEASURED,
        "sentences_heard": speech.training,
        "before": before,
        "after": after,
        "epochs": [progress.plain() for progress in adapted.epochs],
    }


def write_speech(folder: Path, name: str, count: int, purpose: Purpose, speech: Speech) -> Path:
    """`count` sentences in the held-out voices as WAV files, and their manifest."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    chance = random.Random(f"{speech.seed} {name}")
    lines = sentences(chance, purpose, random_share=speech.random_share)
    rows = []
    with fresh_synthesiser() as synthesiser:
        for number in range(count):
            text = next(lines)
            spoken = synthesiser.speak(text, drawn(chance, HELD_OUT))
            write_wav(place / f"{number:04}.wav", spoken.samples)
            rows.append(json.dumps({"audio": f"{name}/{number:04}.wav", "text": text}))
    manifest = folder / f"{name}.jsonl"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return manifest


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Mono at 16 kHz, with a little silence before and after."""
    silence = np.zeros(round(MARGIN * SAMPLE_RATE), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.concatenate([silence, samples, silence]).astype("<i2").tobytes())
