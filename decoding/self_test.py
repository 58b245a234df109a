"""A known second of sound, like speech, for an engine that was just opened: does it give numbers?

What is heard in it proves nothing, and is not looked at. It also makes the first real clip as quick
as the second.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from decoding.errors import ModelUnreadable, NotFinite
from decoding.types import SAMPLE_RATE, Clip, Decoder, DecodingOptions

GROUP = "self-test"
PITCH_HERTZ = 120.0
FORMANTS = ((500.0, 1.0), (1500.0, 0.6), (2500.0, 0.3))  # hertz, loudness
FORMANT_WIDTH_HERTZ = 150.0
SYLLABLES = 4
FEW_TOKENS = 8


def known_sound() -> NDArray[np.float32]:
    """One second at 16 kHz: harmonics of a voice's pitch under three formants, in syllables."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * PITCH_HERTZ * (time + 0.005 * np.sin(2 * np.pi * 5 * time))
    sound = np.zeros_like(time)
    for number in range(1, 30):
        hertz = number * PITCH_HERTZ
        distances = [((hertz - at) / FORMANT_WIDTH_HERTZ) ** 2 for at, _ in FORMANTS]
        loud = sum(peak / (1 + far) for far, (_, peak) in zip(distances, FORMANTS, strict=True))
        sound += loud * np.sin(number * phase)
    sound *= np.sin(np.pi * SYLLABLES * time) ** 2
    loudest = float(np.abs(sound).max())
    return np.asarray(0.3 * sound / loudest, dtype=np.float32)


def check_engine(decoder: Decoder) -> None:
    """Decode the known sound. Raises `ModelUnreadable` if no numbers come of it, and what the
    engine raises."""
    card = decoder.model
    options = DecodingOptions(
        language=card.languages[0], temperatures=(0.0,), sample_len=FEW_TOKENS
    )
    try:
        decoded = decoder.submit(Clip(known_sound(), group=GROUP), options).result()
    except NotFinite as error:
        raise ModelUnreadable(f"{card.name} cannot be used: {error}") from error
    if not (math.isfinite(decoded.avg_logprob) and math.isfinite(decoded.no_speech_prob)):
        raise ModelUnreadable(f"{card.name} cannot be used: it gives no numbers for known sound")
