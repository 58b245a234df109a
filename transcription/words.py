"""Moves what was heard in a clip onto the recording's clock.

Aligning words with sound is the engine's work; here times are only shifted, and kept inside the
window that they came from.
"""

from __future__ import annotations

from collections.abc import Iterator

from chunking.types import Piece, Span, Window, Word
from decoding.types import Decoded, DecodedWord


def place_words(decoded: Decoded, window: Window) -> Piece:
    """The piece of `window`: its words and timed text in seconds of the recording.

    A window judged to hold no speech has no words, whatever was decoded in it. `attempts` are the
    verdicts in order, the kept one moved to the end.
    """
    is_speech = decoded.verdict != "no_speech"
    timed = decoded.timed_text if is_speech else ()
    return Piece(
        window=window,
        words=tuple(_place(decoded.words, window)) if is_speech else (),
        timed_text=tuple(_shift(text.start, text.end, window) for text in timed),
        language=decoded.language,
        avg_logprob=decoded.avg_logprob,
        no_speech_prob=decoded.no_speech_prob,
        compression_ratio=decoded.compression_ratio,
        temperature=decoded.temperature,
        is_truncated=decoded.is_truncated,
        attempts=_verdicts(decoded),
    )


def _place(words: tuple[DecodedWord, ...], window: Window) -> Iterator[Word]:
    """Words with text, in order; a blank "word" would make an empty cue of its own."""
    for index, word in enumerate(word for word in words if word.text.strip()):
        place = _shift(word.start, word.end, window)
        yield Word(
            text=word.text,
            start=place.start,
            end=place.end,
            probability=word.probability,
            tokens=word.tokens,
            window=window.index,
            index=index,
        )


def _shift(start: float, end: float, window: Window) -> Span:
    """Clip seconds to recording seconds, inside the window and never backwards."""
    first = min(max(window.start + start, window.start), window.end)
    return Span(first, min(max(window.start + end, first), window.end))


def _verdicts(decoded: Decoded) -> tuple[str, ...]:
    """Verdicts of all attempts, that of the kept one last."""
    kept = [i for i, a in enumerate(decoded.attempts) if a.temperature == decoded.temperature][-1:]
    others = [a.verdict for i, a in enumerate(decoded.attempts) if i not in kept]
    return (*others, decoded.verdict)
