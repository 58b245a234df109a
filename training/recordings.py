"""Long recordings with the exact time of every word: several speakers, pauses, noise, channels.

Everything follows from the plan, bit for bit. The sentences are never those of training.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE
from training.grammar import sentences
from training.split import Purpose
from training.synthesis import Spoken, SpokenWord, Synthesiser, fresh_synthesiser
from training.voices import TRAINED, USUAL, Manner, Voice

PEAK = 16_000  # of each sentence, as int16
LEAD_IN = 0.5  # seconds of silence before the first sentence
TURN = (1, 4)  # sentences that a speaker says before the next one speaks
SPEAKERS = (1, 4)  # in one of the further recordings
OPUS_BITRATE = "28k"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Silence between sentences: mostly `usual`, one in `rarity` of them `rare`; seconds."""

    usual: tuple[float, float] = (0.2, 1.2)
    rare: tuple[float, float] = (2.0, 4.0)
    rarity: int = 12


BRISK = Pauses(usual=(0.02, 0.1), rare=(0.02, 0.1))
VARIED = Pauses(rare=(2.0, 12.0), rarity=9)
LONG = Pauses(usual=(0.5, 4.0), rare=(12.0, 40.0), rarity=5)


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What to record. `voices`: one name for each speaker. `channels` 2 puts speakers on their own.

    `noise_db`: level of background noise under the speech (its root mean square), or None.
    `minutes` is reached, and passed by less than one sentence.
    """

    seed: int
    minutes: float
    voices: tuple[str, ...]
    manner: Manner = USUAL
    pauses: Pauses = VARIED
    noise_db: float | None = None
    channels: int = 1
    random_share: float = 0.0
    purpose: Purpose = "evaluation"

    def __post_init__(self) -> None:
        if not self.minutes > 0 or not self.voices:
            raise ValueError(f"a recording has minutes and voices, got {self}")
        if self.channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, got {self.channels}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a recording; `speaker` counts from 0, `channel` is where it is heard."""

    speaker: int
    channel: int
    voice: str
    start: float
    end: float
    text: str
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Samples int16, shape (n,) or (n, 2), and what is said in them, in order of time."""

    samples: NDArray[np.int16]
    sentences: tuple[Sentence, ...]

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        return tuple(word for sentence in self.sentences for word in sentence.words)

    @property
    def duration(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def digest(self) -> str:
        """SHA-256 of the samples, little endian."""
        return sha256(self.samples.astype("<i2").tobytes()).hexdigest()


def generate(
    seed: int, minutes: float, voices: Sequence[str], **more: Any
) -> tuple[NDArray[np.int16], tuple[SpokenWord, ...]]:
    """Samples and exactly timed words of `RecordingPlan(seed, minutes, voices, **more)`."""
    recorded = record(RecordingPlan(seed, minutes, tuple(voices), **more))
    return recorded.samples, recorded.words


def further(
    seed: int, hours: float, minutes: float = 30.0, random_share: float = 0.0
) -> Iterator[RecordingPlan]:
    """Plans of recordings of `minutes` that together last `hours`, each with other speakers."""
    if not (hours > 0 and minutes > 0):
        raise ValueError(f"hours and minutes must be above 0, got {hours}, {minutes}")
    left, number = hours * 60, 0
    while left > 1e-6:
        chance = random.Random(f"{seed} {number}")
        voices = tuple(chance.sample(sorted(set(TRAINED)), chance.randint(*SPEAKERS)))
        yield RecordingPlan(
            chance.getrandbits(32), min(minutes, left), voices, random_share=random_share
        )
        left, number = left - minutes, number + 1


def record(plan: RecordingPlan) -> Recorded:
    """The recording that `plan` describes; the same one every time."""
    with fresh_synthesiser() as synthesiser:
        spoken = list(_said(plan, synthesiser))
    total = round((spoken[-1][0].end + LEAD_IN) * SAMPLE_RATE)
    tracks = np.zeros((plan.channels, total), np.int32)
    for sentence, sound in spoken:
        first = round((sentence.start - sound.words[0].start) * SAMPLE_RATE)
        level = PEAK / max(1, int(np.abs(sound.samples.astype(np.int32)).max()))
        heard = np.round(sound.samples * level).astype(np.int32)
        tracks[sentence.channel, first : first + len(heard)] += heard[: total - first]
    if plan.noise_db is not None:
        tracks = _with_noise(tracks, plan.noise_db, plan.seed)
    samples = np.clip(tracks, -32768, 32767).astype(np.int16)
    mono = samples[0] if plan.channels == 1 else np.ascontiguousarray(samples.T)
    return Recorded(mono, tuple(sentence for sentence, _ in spoken))


def _said(plan: RecordingPlan, synthesiser: Synthesiser) -> Iterator[tuple[Sentence, Spoken]]:
    """Sentences one after the other until the minutes are full, each with its sound."""
    chance = random.Random(plan.seed)
    people = [_speaker(name, plan.manner, chance) for name in plan.voices]
    lines = sentences(chance, plan.purpose, random_share=plan.random_share)
    now, speaker, left = LEAD_IN, 0, chance.randint(*TURN)
    while now < plan.minutes * 60:
        if left == 0 and len(people) > 1:
            speaker = chance.choice([i for i in range(len(people)) if i != speaker])
        left = (left or chance.randint(*TURN)) - 1
        line = next(lines)
        sound = synthesiser.speak(line, people[speaker])
        shift = now - sound.words[0].start
        words = tuple(SpokenWord(w.text, w.start + shift, w.end + shift) for w in sound.words)
        channel = speaker % plan.channels
        voice = people[speaker].name
        start, end = words[0].start, words[-1].end
        yield Sentence(speaker, channel, voice, start, end, line, words), sound
        is_rare = chance.randrange(plan.pauses.rarity) == 0
        low, high = plan.pauses.rare if is_rare else plan.pauses.usual
        now = end + chance.uniform(low, high) + 0.1


def _speaker(name: str, manner: Manner, chance: random.Random) -> Voice:
    return Voice(
        name,
        chance.randint(*manner.rate),
        chance.randint(*manner.pitch),
        chance.randint(*manner.pitch_range),
    )


def _with_noise(tracks: NDArray[np.int32], noise_db: float, seed: int) -> NDArray[np.int32]:
    """Every track with a hiss `noise_db` under the loudness of its speech."""
    generator = np.random.Generator(np.random.PCG64(seed))
    noisy = np.empty_like(tracks)
    for channel, track in enumerate(tracks):
        loud = track[np.abs(track) > PEAK // 50].astype(np.float64)
        level = np.sqrt((loud**2).mean()) * 10 ** (-noise_db / 20)
        noisy[channel] = np.round(track + generator.standard_normal(len(track)) * level)
    return noisy


def written(recorded: Recorded) -> dict[str, object]:
    """What a recording says, ready for JSON: times to the millisecond."""
    return {
        "duration": round(recorded.duration, 3),
        "sample_rate": SAMPLE_RATE,
        "sha256_of_samples": recorded.digest,
        "text": recorded.text,
        "sentences": [_rounded(asdict(sentence)) for sentence in recorded.sentences],
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def save(recorded: Recorded, sound: Path) -> None:
    """`sound` in the format of its suffix (.opus, .flac, .wav) and, beside it, its text as JSON."""
    channels = 1 if recorded.samples.ndim == 1 else recorded.samples.shape[1]
    codec = ["-c:a", "libopus", "-b:a", OPUS_BITRATE] if sound.suffix == ".opus" else []
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y",
        "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", str(channels), "-i", "pipe:0",
        *codec, "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", str(sound),
    ]  # fmt: skip
    subprocess.run(command, input=recorded.samples.astype("<i2").tobytes(), check=True)
    text = json.dumps(written(recorded), indent=1)
    sound.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
