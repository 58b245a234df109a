"""Our engine as openai-whisper's `transcribe` drives its own: one window after the other.

A window begins where the one before stopped writing, so that algorithms are compared and not
engines: same weights, same search, same arithmetic. No silence is skipped and nothing is merged.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.checkpoint_conversion import TOKENS_OF_NO_LANGUAGE, encoding_of
from benchmarks.formats.types import TimedWord
from benchmarks.peers.ours import engine_settings, open_engine
from benchmarks.peers.types import PeerSpec, PeerTranscript
from chunking.types import Piece, Window, Word
from decoding.types import (
    CLIP_SECONDS,
    OPENAI_RULES,
    SAMPLE_RATE,
    Clip,
    Decoded,
    DecodedWord,
    Decoder,
    DecodingOptions,
)
from transcription.audio import decode_audio
from transcription.types import Recording
from transcription.window_decoder import seed_of
from transcription.words import place_words

TRUSTED_TEMPERATURE: Final = 0.5
LANGUAGES_OF_ENGLISH_MODELS: Final = 99  # their vocabulary has the tokens all the same


@dataclass(frozen=True, slots=True)
class Written:
    """What one window wrote to its end; `is_whole`: it says that nothing follows in it."""

    decoded: Decoded
    is_whole: bool


@dataclass
class OursSequential:
    """One engine, by openai-whisper's rules alone; `spec.previous_text` prompts each window with
    the text of the one before."""

    spec: PeerSpec
    decoder: Decoder

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            **engine_settings(self.spec, self.decoder),
            "ranking": OPENAI_RULES["ranking"],
            "condition_on_previous_text": str(self.spec.previous_text),
            "phase": f"{self.spec.phase:g}",
        }

    def transcribe(self, audio: Path, language: str | None) -> PeerTranscript:
        with tempfile.TemporaryDirectory(prefix="longform-") as folder:
            (recording,) = decode_audio(audio, Path(folder))
            pieces = list(self._pieces(recording, language))
        words = [word for piece in pieces for word in piece.words]
        return PeerTranscript(
            text="".join(word.text for word in words).strip(),
            words=tuple(TimedWord(w.text.strip(), w.start, w.end) for w in words),
            windows=len(pieces),
            language=pieces[0].language if pieces else language,
        )

    def close(self) -> None:
        self.decoder.close()

    def _pieces(self, recording: Recording, language: str | None) -> Iterator[Piece]:
        options = DecodingOptions(language=language, beam_size=self.spec.beam_size, **OPENAI_RULES)
        start = 0.0
        number = 0
        while start < recording.duration - 1 / SAMPLE_RATE:
            reach = start + CLIP_SECONDS - (0.0 if number else self.spec.phase)
            window = Window(number, start, min(reach, recording.duration))
            samples = recording.read(window.span)
            clip = Clip(samples, seed=seed_of(samples, window))
            written = written_of(self.decoder.submit(clip, options).result(), self.timestamp_begin)
            piece = place_words(written.decoded, window)
            yield piece
            start = next_start(piece, is_whole=written.is_whole)
            number += 1
            options = replace(  # the first window's language is the recording's
                options, language=piece.language, prompt=self._prompt(written.decoded)
            )

    def _prompt(self, decoded: Decoded) -> str | None:
        is_trusted = decoded.temperature <= TRUSTED_TEMPERATURE
        return decoded.text or None if self.spec.previous_text and is_trusted else None

    @cached_property
    def timestamp_begin(self) -> int:
        """The first token that is a timestamp."""
        card = self.decoder.model
        languages = len(card.languages) if card.is_multilingual else LANGUAGES_OF_ENGLISH_MODELS
        encoding, _ = encoding_of(TOKENS_OF_NO_LANGUAGE + languages + int(card.is_multilingual))
        return encoding.encode_single_token("<|0.00|>")


def written_of(decoded: Decoded, timestamp_begin: int) -> Written:
    """`decoded` without the segment that its window's end cut off.

    A text with one timestamp behind it says that nothing follows. Where two timestamps stand
    together, one segment ends and another begins; what begins behind the last two and has no end
    is left to the next window.
    """
    if decoded.verdict == "no_speech" or not decoded.tokens:
        return Written(decoded, is_whole=True)
    times = [token >= timestamp_begin for token in decoded.tokens]
    if times[-2:] == [False, True]:
        return Written(decoded, is_whole=True)
    pairs = [n for n, (one, two) in enumerate(pairwise(times)) if one and two]
    if not pairs or times[-1]:
        return Written(decoded, is_whole=False)
    kept = sum(not is_time for is_time in times[: pairs[-1] + 1])
    words = _first_tokens(decoded, kept)
    text = "".join(word.text for word in words)
    closed = replace(decoded, words=words, timed_text=decoded.timed_text[:-1], text=text.strip())
    return Written(closed, is_whole=False)


def _first_tokens(decoded: Decoded, count: int) -> tuple[DecodedWord, ...]:
    kept = 0
    words = []
    for word in decoded.words:
        kept += len(word.tokens)
        if kept > count:
            break
        words.append(word)
    return tuple(words)


def next_start(piece: Piece, *, is_whole: bool) -> float:
    """Where the next window begins: behind the last word, or behind the window."""
    window = piece.window
    if is_whole or not piece.words:
        return window.end
    end = _end_of(piece.words)
    return end if end > window.start else window.end


def _end_of(words: Sequence[Word]) -> float:
    return max(word.end for word in words)


def open_ours_sequential(spec: PeerSpec) -> OursSequential:
    """Opens the engine as for our own pipeline."""
    return OursSequential(spec, open_engine(spec))
