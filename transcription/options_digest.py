"""A few digits that tell whether two runs asked for the same; what was asked is not kept."""

from __future__ import annotations

import hashlib

from transcription.settings import Settings

DIGITS = 12


def digest_of(settings: Settings, *options: object) -> str:
    """Twelve hex digits of all that decides what is written, as far as it was asked for.

    Another version of this software may know more options, and gives other digits.
    """
    asked = (settings.model, str(settings.adapter or ""), settings.precision, *options)
    return hashlib.sha256(repr(asked).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
