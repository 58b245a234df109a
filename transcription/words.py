"""Moves what was recognised in a clip onto the recording's clock.

Aligning words with sound is the engine's work; here times are only shifted, and kept inside the
window that they came from. The exception is words that the alignment gave no time at all, as
happens to a sentence behind a long silence: they are laid out where timestamps leave them room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from chunking.types import Piece, Span, Window, Word
from decoding.types import UNWRITTEN, Decoded, DecodedWord, TimedText

FEWEST_TIMELESS = 3
"""So many words in a row without time have been lost by the alignment; one or two may be short."""
NO_TIME = 0.02
LIKELY_LANGUAGE = 0.01
SECONDS_PER_WORD = 0.05
SECONDS_PER_LETTER = 0.065
LEAST_PROBABILITY = 1e-4


def place_words(
    decoded: Decoded, window: Window, *, logprob_threshold: float | None = None
) -> Piece:
    """The piece of `window`: its words and timed text in seconds of the recording.

    A window judged to hold no speech has no words, whatever was decoded in it, nor has one of marks
    alone (". . ." in music). Of what the model was made to write, because somebody speaks on, text
    at the end that is less probable than `logprob_threshold` is left out. `attempts` are the
    verdicts in order, the kept one moved to the end.
    """
    is_forced = window.spoken_until is not None and decoded.temperature == 0.0
    if is_forced and decoded.verdict == "accepted" and logprob_threshold is not None:
        decoded = _without_improbable_end(decoded, window, logprob_threshold)
    is_speech = decoded.verdict != "no_speech" and _says_something(decoded)
    timed = decoded.timed_text if is_speech else ()
    return Piece(
        window=window,
        words=tuple(_place(_timed(decoded), window)) if is_speech else (),
        timed_text=tuple(_shift(text.start, text.end, window) for text in timed),
        language=decoded.language,
        avg_logprob=decoded.avg_logprob,
        no_speech_prob=decoded.no_speech_prob,
        compression_ratio=decoded.compression_ratio,
        temperature=decoded.temperature,
        is_truncated=decoded.is_truncated,
        attempts=_verdicts(decoded),
        languages=tuple(
            (code, probability)
            for code, probability in decoded.language_probabilities.items()
            if probability >= LIKELY_LANGUAGE
        ),
    )


def _says_something(decoded: Decoded) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(letter.isalnum() for letter in decoded.text)


def _without_improbable_end(decoded: Decoded, window: Window, threshold: float) -> Decoded:
    """`decoded` without the stretches at its end of which each is improbable as a whole, and before
    which the model might have ended: "And now we're going to ride again!" in noise has -2.3."""
    assert window.spoken_until is not None  # else nobody was made to write
    first_end = window.spoken_until - window.start - UNWRITTEN
    stretches = _words_of_stretches(decoded)
    kept = len(decoded.timed_text)
    while kept > 1 and decoded.timed_text[kept - 2].end < first_end:
        if _mean_logprob(stretches[kept - 1]) >= threshold:
            break
        kept -= 1
    if kept >= len(decoded.timed_text):
        return decoded
    timed = decoded.timed_text[:kept]
    return replace(
        decoded,
        text="".join(one.text for one in timed).strip(),
        words=tuple(word for stretch in stretches[:kept] for word in stretch),
        timed_text=timed,
    )


def _mean_logprob(words: Sequence[DecodedWord]) -> float:
    logprobs = [math.log(max(word.probability, LEAST_PROBABILITY)) for word in words]
    return sum(logprobs) / max(len(words), 1)


def _words_of_stretches(decoded: Decoded) -> list[Sequence[DecodedWord]]:
    """The words of each stretch of timed text, and behind them those that stand in none."""
    found: list[Sequence[DecodedWord]] = []
    following = 0
    for stretch in decoded.timed_text:
        first, letters = following, 0
        while following < len(decoded.words) and letters < len(stretch.text):
            letters += len(decoded.words[following].text)
            following += 1
        found.append(decoded.words[first:following])
    return [*found, decoded.words[following:]]


def _timed(decoded: Decoded) -> list[DecodedWord]:
    """The words of `decoded`; runs of them without any time have some."""
    *stretches, others = _words_of_stretches(decoded)
    words: list[DecodedWord] = []
    for stretch, within in zip(decoded.timed_text, stretches, strict=True):
        words += _lay_out(within, stretch)
    return [*words, *others]


def _lay_out(words: Sequence[DecodedWord], stretch: TimedText) -> list[DecodedWord]:
    """Words of one stretch of text. Those without time lean on the word before them, or, near the
    start of the stretch, on what comes after: there may be silence before, and a word or two that
    the alignment left in it."""
    done: list[DecodedWord] = []
    while len(done) < len(words):
        at = len(done)
        rest = enumerate(words[at:])
        size = next((n for n, word in rest if _has_time(word, stretch)), len(words) - at)
        if size < FEWEST_TIMELESS:
            done += words[at : at + max(size, 1)]
            continue
        until = words[at + size].start if at + size < len(words) else stretch.end
        is_near_start = at < FEWEST_TIMELESS
        if is_near_start:
            done.clear()
        run = words[len(done) : at + size]
        since = done[-1].end if done else min(stretch.start, until)
        done += _spread(run, since, max(until, since), leans_back=not is_near_start)
    return done


def _has_time(word: DecodedWord, stretch: TimedText) -> bool:
    """Some, and not all of it before the text that it stands in."""
    return word.end - word.start >= NO_TIME and word.end > stretch.start


def _spread(
    run: Sequence[DecodedWord], since: float, until: float, *, leans_back: bool
) -> Iterator[DecodedWord]:
    """`run` at the pace of speech, or faster where there is less room."""
    paces = [SECONDS_PER_WORD + SECONDS_PER_LETTER * len(word.text.strip()) for word in run]
    pace = min(1.0, (until - since) / sum(paces))
    clock = since if leans_back else until - pace * sum(paces)
    for word, seconds in zip(run, paces, strict=True):
        yield replace(word, start=clock, end=clock + pace * seconds)
        clock += pace * seconds


def _place(words: Sequence[DecodedWord], window: Window) -> Iterator[Word]:
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
    others = [a.verdict for i, a in enumerate(decoded.attempts) if i != decoded.kept]
    return (*others, decoded.verdict)
