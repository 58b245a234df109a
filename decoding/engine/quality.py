"""How good an attempt is, and which of several to keep.

The repetition measure does not depend on the script: openai-whisper compresses UTF-8, where clean
Hindi looks like a loop because its letters share their first bytes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from decoding.types import Attempt, DecodingOptions, Verdict

BYTE_VALUES = 256
WORD = re.compile(r"\w+")
SHORT_TEXT = 16  # tokens
CLEAR_LEAD = 0.15
"""No speech is likelier than any language by 0.26 or more in a coffee shop, a boat, piano; by
-0.01 or less in short texts of people."""
SPOKEN_ENOUGH = 8.0
"""Seconds of speech of which it can be said how much text there should be."""
FEWEST_TOKENS = 1.0
"""In a second of speech. Of 300 windows of people four have 0.4 to 1.1, all of which pass over
most of what is said; the others have 1.5 and more, half of them above 3.2."""
DOUBT = 3.0
"""Text that is improbable to the last is none where no speech is a third as likely as a language:
in music 0.26 against 0.56, in a lone word of a person 0.09 against 0.9."""


def compression_ratio(text: str) -> float:
    """Length of the text by its length after zlib, each distinct character being one byte.

    Plain ASCII text gives openai-whisper's figure but for small differences.
    """
    if not text:
        return 0.0
    codes: dict[str, int] = {}
    for character in text:
        codes.setdefault(character, len(codes) % BYTE_VALUES)
    mapped = bytes(codes[character] for character in text)
    return len(mapped) / len(zlib.compress(mapped))


@dataclass(frozen=True, slots=True)
class Sounds:
    """What the model says of a window before it writes: how likely it is that nobody speaks, and
    how likely the likeliest language is (1 if it knows one alone)."""

    no_speech_prob: float
    language_prob: float = 1.0


def judge(
    avg_logprob: float, num_tokens: int, sounds: Sounds, ratio: float, options: DecodingOptions
) -> Verdict:
    """openai-whisper's fallback rules in its order: silence excuses everything else.

    And one of our own: text that is short or improbable is none where no speech is clearly likelier
    than any language. What a model makes up in noise is often probable, but no language is heard
    in it. In speech the language is likelier, except in digits with pauses: those are many.
    `num_tokens` are those of the text.
    """
    threshold = options.logprob_threshold
    is_improbable = threshold is not None and avg_logprob < threshold
    if (
        options.no_speech_threshold is not None
        and sounds.no_speech_prob > options.no_speech_threshold
        and (is_improbable or threshold is None)
    ):
        return "no_speech"
    is_weak = is_improbable or num_tokens <= SHORT_TEXT
    if is_weak and is_clearly_silent(sounds, options):
        return "no_speech"
    limit = options.compression_ratio_threshold
    if limit is not None and ratio > limit:
        return "repetitive"
    return "improbable" if is_improbable else "accepted"


def is_sparse(num_tokens: int, spoken_seconds: float | None) -> bool:
    """Whether text of `num_tokens` is far too short for so many seconds of speech.

    Where a window passes over nearly all of it: "CHAPTER XVI" in 26 s.
    """
    if spoken_seconds is None or spoken_seconds < SPOKEN_ENOUGH:
        return False
    return num_tokens < FEWEST_TOKENS * spoken_seconds


def is_clearly_silent(sounds: Sounds, options: DecodingOptions) -> bool:
    """Whether no speech is clearly likelier than any language: then weak text is none."""
    lead = sounds.no_speech_prob - sounds.language_prob
    return options.needs_language and lead > CLEAR_LEAD


def is_doubtful(sounds: Sounds, options: DecodingOptions) -> bool:
    """Whether what is improbable to the last, or only said after, is no speech: then doubt is
    enough."""
    return options.needs_language and DOUBT * sounds.no_speech_prob > sounds.language_prob


def is_echo(text: str, given: str) -> bool:
    """Whether `text` repeats what the model was `given` to read before it, mostly in its order:
    that is probable, whatever is heard. Not of digits, which people do say one by one."""
    words, known = WORD.findall(text.casefold()), WORD.findall(given.casefold())
    if not words or not set(words) <= set(known) or any(map(str.isdecimal, words)):
        return False
    in_order = {*pairwise(known), *zip(known, known, strict=True)}
    jumps = sum(pair not in in_order for pair in pairwise(words))
    return 2 * jumps <= len(words) - 1


def is_final(verdict: Verdict) -> bool:
    """Whether nothing more need be tried."""
    return verdict in ("accepted", "no_speech")


def best_attempt(attempts: Sequence[Attempt]) -> int:
    """Index of the attempt to keep.

    The accepted one; else the likeliest that is no loop (log probability alone favours loops);
    else the least repetitive.
    """
    for index, attempt in enumerate(attempts):
        if is_final(attempt.verdict):
            return index
    indices = range(len(attempts))
    sane = [index for index in indices if attempts[index].verdict != "repetitive"]
    if sane:
        return max(sane, key=lambda index: attempts[index].avg_logprob)
    return min(indices, key=lambda index: attempts[index].compression_ratio)
