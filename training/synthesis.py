"""Speech from text by espeak-ng, with the time of every word and phoneme.

The library comes from the wheel `espeakng-loader` and is called through ctypes, in this process.
It keeps its state in globals, so a lock lets one thread in at a time, and what a sentence sounds
like depends (inaudibly, the times do not) on every sentence before it. `fresh_synthesiser` loads
a private copy with new globals: the same calls then give the same samples, bit for bit.
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE
from training.voices import Voice

SYNCHRONOUS = 2
PHONEME_EVENTS = 1
UTF8 = 1
BY_CHARACTER = 1
RATE, PITCH, PITCH_RANGE = 1, 3, 4
WORD_EVENT, PHONEME_EVENT, LIST_END = 1, 7, 0
NOISE_SEED = 1  # of the breath in some voices; by itself the library takes the clock
LEAD_IN = 0.04  # seconds of sound kept before the first word
LEAD_OUT = 0.06  # and after the last
SHORTEST_WORD = 0.03  # a pause sooner than this after a word's start is not its end

_turn = threading.Lock()


class SynthesisUnavailable(RuntimeError):
    """espeak-ng or its voices are not there."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word as it was written, and when it sounds; seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme in espeak's notation and the second at which it starts."""

    name: str
    start: float


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """A sentence as sound: `samples` int16 mono at 16 kHz, words and phonemes in order."""

    samples: NDArray[np.int16]
    words: tuple[SpokenWord, ...]
    phonemes: tuple[Phoneme, ...]

    @property
    def duration(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(slots=True)
class _Utterance:
    """What the callback collects during one call: sound, (position, s) of words, phonemes."""

    sound: list[NDArray[np.int16]]
    words: list[tuple[int, float]]
    phonemes: list[Phoneme]


class Synthesiser:
    """One loaded copy of the espeak-ng library; use `synthesiser()` or `fresh_synthesiser()`."""

    def __init__(self, library: Path, voices: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._heard = _Utterance([], [], [])
        self._callback = _CALLBACK(self._collect)  # kept: ctypes would free it under the library
        where = str(voices).encode()
        self._rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, where, PHONEME_EVENTS)
        if self._rate <= 0:
            raise SynthesisUnavailable(f"espeak-ng finds no voices in {voices}")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(NOISE_SEED))

    def speak(self, text: str, voice: Voice) -> Spoken:
        """`text` in `voice`: `LEAD_IN` before the first word and `LEAD_OUT` after the last."""
        return trimmed(self.speak_untrimmed(text, voice))

    def speak_untrimmed(self, text: str, voice: Voice) -> Spoken:
        """`text` spoken; its sound starts and ends as the library gives it, silence included."""
        if not text.strip():
            raise ValueError("there must be a word to speak, got an empty text")
        with _turn:
            heard, self._heard = self._call(text, voice), _Utterance([], [], [])
        sound = np.concatenate(heard.sound) if heard.sound else np.zeros(1, np.int16)
        duration = len(sound) / self._rate
        words = _timed(text, heard, duration)
        return Spoken(resampled(sound, self._rate), words, tuple(heard.phonemes))

    def _call(self, text: str, voice: Voice) -> _Utterance:
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice.name!r}")
        for parameter, value in (
            (RATE, voice.rate),
            (PITCH, voice.pitch),
            (PITCH_RANGE, voice.pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        self._library.espeak_Synth(
            ctypes.c_char_p(encoded), ctypes.c_size_t(len(encoded) + 1),
            0, BY_CHARACTER, 0, UTF8, None, None,
        )  # fmt: skip
        return self._heard

    def _collect(self, sound: Any, count: int, events: Any) -> int:
        if sound and count > 0:
            self._heard.sound.append(np.ctypeslib.as_array(sound, (count,)).copy())
        for index in range(1_000_000):
            event = events[index]
            if event.type == LIST_END:
                break
            seconds = event.audio_position / 1000
            if event.type == WORD_EVENT:
                self._heard.words.append((event.text_position - 1, seconds))
            elif event.type == PHONEME_EVENT:
                name = bytes(event.phoneme).split(b"\0")[0].decode("utf-8", "ignore")
                self._heard.phonemes.append(Phoneme(name, seconds))
        return 0


@cache
def synthesiser() -> Synthesiser:
    """The synthesiser that this process shares. Raises `SynthesisUnavailable`."""
    return Synthesiser(*_installed())


@contextmanager
def fresh_synthesiser() -> Iterator[Synthesiser]:
    """A synthesiser that remembers nothing: what it says depends only on what it was asked."""
    library, voices = _installed()
    with tempfile.TemporaryDirectory() as folder:
        yield Synthesiser(Path(shutil.copy(library, folder)), voices)


def _installed() -> tuple[Path, Path]:
    """The library and the folder that holds its voices."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise SynthesisUnavailable(
            "no synthesiser here: sh setup.sh --extra training .venv"
        ) from error
    voices = Path(espeakng_loader.get_data_path())
    return Path(espeakng_loader.get_library_path()), voices.parent


def trimmed(spoken: Spoken) -> Spoken:
    """Without the silence around the words; times counted from the new start."""
    first = max(0, round((spoken.words[0].start - LEAD_IN) * SAMPLE_RATE))
    last = round((spoken.words[-1].end + LEAD_OUT) * SAMPLE_RATE)
    return moved(replace(spoken, samples=spoken.samples[first:last]), -first / SAMPLE_RATE)


def moved(spoken: Spoken, seconds: float) -> Spoken:
    """The same sound with every time `seconds` later."""
    return Spoken(
        spoken.samples,
        tuple(SpokenWord(w.text, w.start + seconds, w.end + seconds) for w in spoken.words),
        tuple(Phoneme(p.name, p.start + seconds) for p in spoken.phonemes),
    )


def resampled(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    """`samples` at `rate` brought to 16 kHz by cutting their spectrum; int16."""
    if rate == SAMPLE_RATE:
        return samples
    common = int(np.gcd(rate, SAMPLE_RATE))
    step_in, step_out = rate // common, SAMPLE_RATE // common
    blocks = _smooth_number(-(-len(samples) // step_in))
    spectrum = np.fft.rfft(samples.astype(np.float64), blocks * step_in)  # exact on any machine
    wide = blocks * step_out
    sound = np.fft.irfft(spectrum[: wide // 2 + 1], wide) * (step_out / step_in)
    kept = len(samples) * step_out // step_in
    return np.clip(np.round(sound[:kept]), -32768, 32767).astype(np.int16)


def _smooth_number(least: int) -> int:
    """The next number whose only primes are 2, 3 and 5: Fourier transforms of it are fast."""
    candidate = least
    while True:
        rest = candidate
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return candidate
        candidate += 1


def _timed(text: str, heard: _Utterance, duration: float) -> tuple[SpokenWord, ...]:
    """Words with the starts that espeak reported; a word ends at the next or at a pause."""
    written = text.split()
    starts = _starts(text, written, heard.words, duration)
    pauses = [p.start for p in heard.phonemes if p.name.startswith("_") or not p.name]
    words = []
    for index, word in enumerate(written):
        end = starts[index + 1] if index + 1 < len(starts) else duration
        after = starts[index] + SHORTEST_WORD
        end = min((pause for pause in pauses if after < pause < end), default=end)
        words.append(SpokenWord(word, starts[index], end))
    return tuple(words)


def _starts(
    text: str, written: list[str], events: list[tuple[int, float]], duration: float
) -> list[float]:
    """When each word starts; words that espeak ran together share their time by their letters."""
    known: list[float | None] = []
    position = 0
    for word in written:
        first = text.index(word, position)
        position = first + len(word)
        inside = (s for at, s in events if first <= at < position)
        known.append(next(inside, None))
    if known[0] is None:
        known[0] = 0.0
    starts: list[float] = []
    for index, start in enumerate(known):
        if start is not None:
            starts.append(start)
            continue
        later = next((i for i in range(index, len(known)) if known[i] is not None), len(known))
        until = known[later] if later < len(known) else duration
        letters = sum(len(w) for w in written[index - 1 : later])
        share = len(written[index - 1]) / letters
        assert until is not None
        starts.append(starts[-1] + (until - starts[-1]) * share)
    return starts
