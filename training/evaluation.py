"""How well a model does by itself, decoded by openai-whisper: no engine or merge of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import whisper
from numpy.typing import NDArray
from torch import Tensor
from whisper.audio import log_mel_spectrogram
from whisper.model import ModelDimensions, Whisper

from decoding.types import CLIP_SECONDS, FULL_SCALE, SAMPLE_RATE
from training.acoustics import Sound, noise
from training.export import HEADS, CheckpointUnreadable, read_checkpoint
from training.recordings import Recorded, record
from training.scoring import errors, longest_loop, time_errors
from training.sets import RECORDINGS, SETS, Item, digest, items
from training.synthesis import SpokenWord
from training.vocabulary import SECONDS_PER_TIMESTAMP, tokenizer
from transcription.models import DEMO_CHECKPOINT, DEMO_MODEL

BEAM_SIZE = 5
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
QUIET_MINUTES = 10.0
NOISE_LEVEL = 0.02
HISS_BESIDE_SPEECH = 0.5  # 6 dB under it: loud enough that what came before can help
MISTAKES_KEPT = 40

Report = dict[str, Any]


def load(path: Path) -> Whisper:
    """The model in `path`, compact or in openai-whisper's format, on the CPU.

    Raises `CheckpointUnreadable`.
    """
    checkpoint = read_checkpoint(path)
    weights = {name: value.float() for name, value in checkpoint["model_state_dict"].items()}
    try:
        model = Whisper(ModelDimensions(**checkpoint["dims"]))
        model.load_state_dict(weights)
        if HEADS in checkpoint:
            model.alignment_heads = heads_mask(checkpoint[HEADS], model.dims)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise CheckpointUnreadable(f"weights or heads in {path} do not fit its dims") from error
    return model.eval()


def heads_mask(heads: Sequence[tuple[int, int]], dims: ModelDimensions) -> Tensor:
    """(layer, head) pairs as openai-whisper keeps them: a sparse matrix of flags."""
    mask = torch.zeros(dims.n_text_layer, dims.n_text_head, dtype=torch.bool)
    for layer, head in heads:
        mask[layer, head] = True
    return mask.to_sparse()


def named(name: str) -> Whisper:
    """ "demo", one of openai-whisper's names (downloaded on first use), or a checkpoint's path.

    Raises `CheckpointUnreadable`.
    """
    if name == DEMO_MODEL:
        return load(DEMO_CHECKPOINT)
    if Path(name).is_file():
        return load(Path(name))
    if name not in whisper.available_models():
        known = ", ".join((DEMO_MODEL, *whisper.available_models()))
        raise CheckpointUnreadable(
            f"there is no model and no file {name!r}: give a checkpoint's path or one of {known}"
        )
    try:
        return whisper.load_model(name, device="cpu")
    except (OSError, RuntimeError) as error:
        raise CheckpointUnreadable(f"{name} could not be downloaded: {error}") from error


def evaluate_set(model: Whisper, name: str, words: int | None = None) -> Report:
    """Word errors on one of `SETS`, sentence by sentence, beam 5; `words`: on its beginning."""
    plan = SETS[name]
    made = items(plan if words is None else replace(plan, words=words))
    heard = [decoded(model, item.sound) for item in made]
    report = {"digest": digest(made), "sentences": len(made), **_scored(made, heard)}
    return {**report, "timestamps": _timestamp_errors(made, heard)}


def decoded(model: Whisper, sound: Sound, prompt: str | None = None) -> whisper.DecodingResult:
    """One window by openai-whisper's own decoder, beam 5."""
    options = whisper.DecodingOptions(language="en", beam_size=BEAM_SIZE, fp16=False, prompt=prompt)
    with torch.inference_mode():
        return whisper.decode(model, log_mel_spectrogram(torch.from_numpy(sound)), options)


def evaluate_recording(model: Whisper, name: str) -> Report:
    """Word errors of openai-whisper's `transcribe` on one of `RECORDINGS`, and errors of its word
    times.

    Twice: asked for word times it goes on from where its last word ends, which is not always where
    the model's own timestamp is, and so it hears other windows.
    """
    recorded = record(RECORDINGS[name])
    channels = recorded.samples.ndim
    references, texts, timed_texts, true_words, words = [], [], [], [], []
    for channel in range(channels):
        sound = _as_float(recorded.samples if channels == 1 else recorded.samples[:, channel])
        timed_text, heard = transcribed(model, sound)
        said = [s for s in recorded.sentences if s.channel == channel]
        references.append(" ".join(sentence.text for sentence in said))
        texts.append(transcribed(model, sound, with_words=False)[0])
        timed_texts.append(timed_text)
        true_words += [_shifted(w, channel, recorded) for s in said for w in s.words]
        words += [_shifted(w, channel, recorded) for w in heard]
    times = time_errors(true_words, words)
    with_times = errors(references, timed_texts)
    return {
        "digest": recorded.digest,
        "minutes": round(recorded.duration / 60, 2),
        **errors(references, texts).plain(),
        "longest_loop": max(longest_loop(text) for text in texts),
        "longest_loop_in_reference": max(longest_loop(text) for text in references),
        "with_word_times": with_times.plain(),
        "word_times": times.plain() if times else None,
        "texts": texts,
    }


def transcribed(
    model: Whisper, sound: Sound, *, with_words: bool = True
) -> tuple[str, list[SpokenWord]]:
    """Text and timed words by openai-whisper's `transcribe`: beam 5, fallback, no conditioning."""
    with torch.inference_mode():
        result: dict[str, Any] = whisper.transcribe(
            model,
            sound,
            language="en",
            beam_size=BEAM_SIZE,
            temperature=TEMPERATURES,
            condition_on_previous_text=False,
            word_timestamps=with_words,
            fp16=False,
        )
    words = [
        SpokenWord(word["word"], float(word["start"]), float(word["end"]))
        for segment in result["segments"]
        for word in segment.get("words", ())
    ]
    return str(result["text"]), words


def evaluate_quiet(model: Whisper, minutes: float = QUIET_MINUTES) -> Report:
    """How many words are heard in digital silence and in noise. There should be none."""
    samples = round(minutes * 60 * SAMPLE_RATE)
    hiss = noise(samples, np.random.Generator(np.random.PCG64(7))) * np.float32(NOISE_LEVEL)
    sounds = {"silence": np.zeros(samples, np.float32), "noise": hiss}
    heard = {name: transcribed(model, sound, with_words=False)[0] for name, sound in sounds.items()}
    return {
        name: {"minutes": minutes, "words": len(text.split()), "text": text}
        for name, text in heard.items()
    }


def evaluate_prompts(model: Whisper, words: int | None = None) -> Report:
    """Errors on sentences entered half-way, in noise: alone, after the text that came before, and
    after text that has nothing to do with them. `words`: how many to hear; None is all."""
    plan = SETS["trained-template"]
    made = [_entered_halfway(item, index) for index, item in enumerate(items(plan))]
    kept: list[tuple[Item, str]] = []
    for pair in made:
        if words is not None and sum(len(item.words) for item, _ in kept) >= words:
            break
        kept.append(pair)
    half = len(made) // 2
    foreign = [made[(index + half) % len(made)][0].text for index in range(len(kept))]
    prompts: dict[str, Sequence[str | None]] = {
        "without": [None] * len(kept),
        "with_text_before": [before for _, before in kept],
        "with_unrelated_text": foreign,
    }
    references = [item.text for item, _ in kept]
    return {
        name: errors(
            references,
            [decoded(model, item.sound, p).text for (item, _), p in zip(kept, given, strict=True)],
        ).plain()
        for name, given in prompts.items()
    }


def evaluate(model: Whisper, names: Sequence[str], words: int | None = None) -> Report:
    """Every named set, recording, "quiet" or "prompts", each under its name.

    `words`: how much of each set of sentences to hear; None is all.
    """
    report: Report = {}
    for name in names:
        if name in SETS:
            report[name] = evaluate_set(model, name, words)
        elif name in RECORDINGS:
            report[name] = evaluate_recording(model, name)
        elif name == "quiet":
            report[name] = evaluate_quiet(model)
        elif name == "prompts":
            report[name] = evaluate_prompts(model, words)
        else:
            raise ValueError(f"no set {name!r}; there are {', '.join(ALL)}")
    return report


ALL: tuple[str, ...] = (*SETS, *RECORDINGS, "quiet", "prompts")


def _scored(made: Sequence[Item], heard: Sequence[whisper.DecodingResult]) -> Report:
    texts = [result.text for result in heard]
    mistakes = [
        {"voice": item.voice, "said": item.text, "heard": text}
        for item, text in zip(made, texts, strict=True)
        if errors([item.text], [text]).rate > 0
    ]
    total = errors([item.text for item in made], texts)
    return {**total.plain(), "mistakes": mistakes[:MISTAKES_KEPT]}


def _timestamp_errors(
    made: Sequence[Item], heard: Sequence[whisper.DecodingResult]
) -> dict[str, float]:
    """Medians of the first and last timestamp token's distance from speech; seconds."""
    first_timestamp = tokenizer().timestamp_begin
    starts, ends = [], []
    for item, result in zip(made, heard, strict=True):
        times = [
            (t - first_timestamp) * SECONDS_PER_TIMESTAMP
            for t in result.tokens
            if t >= first_timestamp
        ]
        if len(times) > 1:
            starts.append(abs(times[0] - item.words[0].start))
            ends.append(abs(times[-1] - item.words[-1].end))
    return {
        "start_median": round(float(np.median(starts)), 3),
        "end_median": round(float(np.median(ends)), 3),
    }


def _entered_halfway(item: Item, index: int) -> tuple[Item, str]:
    """`item` from its middle word on, in loud noise, and the words before that."""
    middle = len(item.words) // 2
    cut = round(item.words[middle].start * SAMPLE_RATE)
    generator = np.random.Generator(np.random.PCG64(index))
    sound = np.concatenate([item.sound[cut:], np.zeros(cut, np.float32)])
    loudness = float(np.sqrt((item.sound[item.sound != 0] ** 2).mean()))
    hiss = generator.standard_normal(len(sound)).astype(np.float32)
    sound = sound + hiss * np.float32(HISS_BESIDE_SPEECH * loudness)
    before = " ".join(word.text for word in item.words[:middle])
    after = " ".join(word.text for word in item.words[middle:])
    return Item(sound, after, item.words[middle:], item.voice), before


def _shifted(word: SpokenWord, channel: int, recorded: Recorded) -> SpokenWord:
    """Channels one after the other on one clock, so that their words can be compared in order."""
    later = channel * (recorded.duration + CLIP_SECONDS)
    return SpokenWord(word.text, word.start + later, word.end + later)


def _as_float(samples: NDArray[np.int16]) -> Sound:
    return samples.astype(np.float32) / np.float32(FULL_SCALE)
