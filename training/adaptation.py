"""Fine-tuning any Whisper model on labelled audio: whole or by a low-rank adapter.

Several examples are packed into a window of thirty seconds, half of the windows with timestamps,
so that the model keeps its manners on long audio. The best weights by validation are kept.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
import whisper
from torch import Tensor
from whisper.audio import log_mel_spectrogram
from whisper.model import Whisper
from whisper.tokenizer import Tokenizer

from decoding.types import CLIP_SAMPLES, CLIP_SECONDS, SAMPLE_RATE
from training import lora
from training.acoustics import Sound
from training.export import HEADS
from training.manifest import Example
from training.precision import autocast
from training.scoring import Errors, errors
from training.vocabulary import SECONDS_PER_TIMESTAMP, whisper_tokenizer

IGNORED = -100
CLIP_GRADIENT = 1.0
WARM_UP_STEPS = 10
LOWEST_RATE = 0.05
GAP = (0.1, 1.0)  # seconds between packed examples
TEXT_BUDGET = 220  # tokens of one window; half of Whisper's context stays for prompts
CHECKPOINT_FILE = "model.pt"
VALIDATION_SHARE = 10  # one example in so many is kept for validation


class ExamplesUnusable(ValueError):
    """There are too few examples, or one cannot be learnt from; the message says which and why."""


@dataclass(frozen=True, slots=True)
class AdaptationOptions:
    """`adapter`: None trains the whole model. An epoch hears every example once; training ends
    after `epochs`, `minutes`, or `patience` validations in a row that were no better."""

    adapter: lora.LoraOptions | None = None
    language: str = "en"
    rate: float = 1e-4
    epochs: int = 10
    minutes: float | None = None
    batch: int = 4
    accumulate: int = 1
    patience: int = 3
    timestamps: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "accumulate", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if not self.rate > 0:
            raise ValueError(f"rate must be above 0, got {self.rate}")


@dataclass(frozen=True, slots=True)
class Progress:
    """After an epoch: mean loss, validation errors, and whether they are the fewest so far."""

    epoch: int
    seconds: float
    loss: float
    validation: Errors
    is_best: bool

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "validation": self.validation.plain()}


@dataclass(frozen=True, slots=True)
class Step:
    """Within an epoch: how many of its windows have been heard, and the mean loss of them."""

    epoch: int
    heard: int
    windows: int
    loss: float


News = Progress | Step


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of it; `before` and `best` are validation errors."""

    before: Errors
    best: Errors
    epochs: tuple[Progress, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class PackedWindow:
    """Thirty seconds of sound and the tokens to say of it, end-of-text included."""

    sound: Sound
    prefix: tuple[int, ...]
    said: tuple[int, ...]


class _Kept(Protocol):
    """The weights that training changes: can be copied and put back."""

    trained: list[torch.nn.Parameter]

    def keep(self) -> None: ...

    def put_back(self) -> None: ...


class _Whole:
    """All weights of a model."""

    def __init__(self, model: Whisper) -> None:
        self._model = model
        self.trained = [weight for weight in model.parameters() if weight.requires_grad]
        self.keep()

    def keep(self) -> None:
        self._state = {k: v.detach().clone() for k, v in self._model.state_dict().items()}

    def put_back(self) -> None:
        self._model.load_state_dict(self._state)


class _Adapters:
    """The adapters of a model that is otherwise left as it is."""

    def __init__(self, model: Whisper, options: lora.LoraOptions) -> None:
        self._model, self._options = model, options
        self.trained = lora.attach(model, options)
        self.keep()

    def keep(self) -> None:
        self._state = lora.snapshot(self._model, self._options)

    def put_back(self) -> None:
        lora.put_back(self._model, self._options, self._state)


def adapt(
    model: Whisper,
    training: Sequence[Example],
    validation: Sequence[Example],
    options: AdaptationOptions,
    report: Callable[[News], None],
) -> Adapted:
    """Fine-tune `model` in place; it ends with the weights that did best on `validation`.

    `report` hears of every step and, while the model holds that epoch's weights, of every epoch.
    Raises `ExamplesUnusable` before any work is done.
    """
    tokenizer = whisper_tokenizer(model.is_multilingual, options.language)
    _check(training, validation, tokenizer, options.language)
    before = best = validated(model, validation, options.language)
    kept: _Kept = _Whole(model) if options.adapter is None else _Adapters(model, options.adapter)
    optimiser = torch.optim.AdamW(kept.trained, lr=options.rate, weight_decay=0.01)
    chance = random.Random(options.seed)
    started, history, worse = time.monotonic(), list[Progress](), 0
    for epoch in range(options.epochs):
        windows = pack(training, tokenizer, options.timestamps, chance)
        loss = _epoch(model, windows, optimiser, options, epoch, report)
        found = validated(model, validation, options.language)
        seconds = time.monotonic() - started
        progress = Progress(epoch + 1, seconds, loss, found, found.rate < best.rate)
        history.append(progress)
        report(progress)
        if progress.is_best:
            best, worse = found, 0
            kept.keep()
        else:
            worse += 1
        is_late = options.minutes is not None and seconds > 60 * options.minutes
        if worse >= options.patience or is_late:
            break
    kept.put_back()
    return Adapted(before, best, tuple(history))


def divided(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Examples to learn from, and one in ten to validate on. Raises `ExamplesUnusable`."""
    if len(examples) < 2:
        raise ExamplesUnusable(
            "one example cannot be learnt from and validated on: add examples, or give a manifest "
            "of others for validation"
        )
    kept = list(examples[::VALIDATION_SHARE])
    return [e for index, e in enumerate(examples) if index % VALIDATION_SHARE], kept


def _check(
    training: Sequence[Example],
    validation: Sequence[Example],
    tokenizer: Tokenizer,
    language: str,
) -> None:
    texts = [example.text for example in validation]
    if not errors(texts, texts, language).words:
        raise ExamplesUnusable("the texts to validate on hold no words, so errors have no rate")
    for example in training:
        count = _token_count(example, tokenizer)
        if count > TEXT_BUDGET:
            raise ExamplesUnusable(
                f"a text of {count} tokens is too long for one window, which holds {TEXT_BUDGET}: "
                f"{example.text[:60]!r}"
            )


def _token_count(example: Example, tokenizer: Tokenizer) -> int:
    """Tokens of its text and its two timestamps."""
    return len(tokenizer.encode(" " + example.text)) + 2


def validated(model: Whisper, examples: Sequence[Example], language: str) -> Errors:
    """Word errors of `examples`, each decoded greedily by itself."""
    options = whisper.DecodingOptions(
        language=language, fp16=model.device.type == "cuda", without_timestamps=True
    )
    heard = []
    with torch.inference_mode():
        for example in examples:
            mel = _mel(model, [_padded(example.sound)])[0]
            heard.append(whisper.decode(model, mel, options).text)
    return errors([example.text for example in examples], heard, language)


def pack(
    examples: Sequence[Example], tokenizer: Tokenizer, timestamps: float, chance: random.Random
) -> list[PackedWindow]:
    """Every example once, in random order, as many to a window as there is room for."""
    order = list(examples)
    chance.shuffle(order)
    windows: list[PackedWindow] = []
    group: list[tuple[Example, float]] = []
    now, tokens = 0.0, 0
    for example in order:
        count = _token_count(example, tokenizer)
        if group and (now + example.seconds > CLIP_SECONDS or tokens + count > TEXT_BUDGET):
            windows.append(_window(group, tokenizer, chance.random() < timestamps))
            group, now, tokens = [], 0.0, 0
        group.append((example, now))
        now += example.seconds + chance.uniform(*GAP)
        tokens += count
    return [*windows, _window(group, tokenizer, chance.random() < timestamps)]


def save_model(model: Whisper, folder: Path) -> Path:
    """The whole model in openai-whisper's format, with the heads that time its words."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.half().cpu() for name, value in model.state_dict().items()}
    path = folder / CHECKPOINT_FILE
    heads = model.alignment_heads.coalesce().indices().T.tolist()
    checkpoint = {"dims": asdict(model.dims), "model_state_dict": weights, HEADS: heads}
    torch.save(checkpoint, path)
    return path


def _window(
    group: Sequence[tuple[Example, float]], tokenizer: Tokenizer, has_timestamps: bool
) -> PackedWindow:
    sound = np.zeros(CLIP_SAMPLES, np.float32)
    said: list[int] = []
    for example, start in group:
        first = round(start * SAMPLE_RATE)
        heard = example.sound[: CLIP_SAMPLES - first]
        sound[first : first + len(heard)] = heard
        words = tokenizer.encode(" " + example.text)
        if has_timestamps:
            edges = [_timestamp(start + seconds, tokenizer) for seconds in example.speech]
            words = [edges[0], *words, edges[1]]
        said += words
    start_tokens = tuple(tokenizer.sot_sequence)
    prefix = start_tokens if has_timestamps else (*start_tokens, tokenizer.no_timestamps)
    return PackedWindow(sound, prefix, (*said, tokenizer.eot))


def _timestamp(seconds: float, tokenizer: Tokenizer) -> int:
    step = round(min(max(seconds, 0.0), CLIP_SECONDS) / SECONDS_PER_TIMESTAMP)
    return int(tokenizer.timestamp_begin) + step


def _epoch(
    model: Whisper,
    windows: Sequence[PackedWindow],
    optimiser: torch.optim.Optimizer,
    options: AdaptationOptions,
    epoch: int,
    report: Callable[[News], None],
) -> float:
    """Hear every window once; returns the mean loss."""
    batches = [windows[i : i + options.batch] for i in range(0, len(windows), options.batch)]
    total = 0.0
    optimiser.zero_grad(set_to_none=True)
    for index, batch in enumerate(batches):
        is_last = index + 1 == len(batches)
        loss = batch_loss(model, batch)
        (loss / options.accumulate).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        total += loss.item()
        report(
            Step(
                epoch + 1,
                min((index + 1) * options.batch, len(windows)),
                len(windows),
                total / (index + 1),
            )
        )
        if (index + 1) % options.accumulate == 0 or is_last:
            done = (epoch + (index + 1) / len(batches)) / options.epochs
            step = (epoch * len(batches) + index) // options.accumulate
            _move(optimiser, options.rate * _share(step, done))
    return total / len(batches)


def _move(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        torch.nn.utils.clip_grad_norm_(group["params"], CLIP_GRADIENT)
        group["lr"] = rate
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _share(step: int, done: float) -> float:
    """Of the peak rate: up in a few steps, then straight down."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * max(LOWEST_RATE, 1.0 - done)


def batch_loss(model: Whisper, batch: Sequence[PackedWindow]) -> Tensor:
    """Mean cross-entropy of what is said, given the sound and the tokens before."""
    rows = [(*window.prefix, *window.said) for window in batch]
    longest = max(len(row) for row in rows) - 1
    read = torch.zeros((len(rows), longest), dtype=torch.long)
    answer = torch.full((len(rows), longest), IGNORED)
    for index, (row, window) in enumerate(zip(rows, batch, strict=True)):
        read[index, : len(row) - 1] = torch.tensor(row[:-1])
        first = len(window.prefix) - 1
        answer[index, first : len(row) - 1] = torch.tensor(window.said)
    with autocast(model.device):
        heard = model.encoder(_mel(model, [window.sound for window in batch]))
        logits = model.decoder(read.to(model.device), heard)
    return F.cross_entropy(logits.float().flatten(0, 1), answer.flatten().to(model.device))


def _mel(model: Whisper, sounds: Sequence[Sound]) -> Tensor:
    bands = model.dims.n_mels
    mel: Tensor = log_mel_spectrogram(torch.from_numpy(np.stack(sounds)), bands)
    if mel.dim() == 2:
        mel = mel[None]
    return mel.to(model.device)


def _padded(sound: Sound) -> Sound:
    return np.pad(sound, (0, CLIP_SAMPLES - len(sound)))
