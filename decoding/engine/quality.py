"""How good an attempt is, and which of several to keep.

The repetition measure does not depend on the script: openai-whisper compresses UTF-8, where clean
Hindi looks like a loop because its letters share their first bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from decoding.types import Attempt, DecodingOptions, Verdict

BYTE_VALUES = 256


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


def judge(
    avg_logprob: float, no_speech_prob: float, ratio: float, options: DecodingOptions
) -> Verdict:
    """openai-whisper's fallback rules in its order: silence excuses everything else."""
    threshold = options.logprob_threshold
    is_improbable = threshold is not None and avg_logprob < threshold
    if (
        options.no_speech_threshold is not None
        and no_speech_prob > options.no_speech_threshold
        and (is_improbable or threshold is None)
    ):
        return "no_speech"
    limit = options.compression_ratio_threshold
    if limit is not None and ratio > limit:
        return "repetitive"
    return "improbable" if is_improbable else "accepted"


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
