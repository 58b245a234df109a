"""What models are called: official names, how others write them, and the name of a path.

Loads nothing, not even torch: it must be quick to ask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

# Every official name, with the size of its checkpoint, about.
OFFICIAL_MEGABYTES: Mapping[str, int] = {
    "tiny.en": 76,
    "tiny": 76,
    "base.en": 145,
    "base": 145,
    "small.en": 484,
    "small": 484,
    "medium.en": 1528,
    "medium": 1528,
    "large-v1": 3087,
    "large-v2": 3087,
    "large-v3": 3087,
    "large": 3087,
    "large-v3-turbo": 1618,
    "turbo": 1618,
}
SAME = {"large": "large-v3", "large-v3-turbo": "turbo"}  # two official names of the same weights
# As repositories and hosted services write them: openai/whisper-large-v3, Systran/faster-whisper-…
_DRESSED = re.compile(
    r"(?:(?:openai|systran|guillaumekln|deepdml|mobiuslabsgmbh|dropbox-dash)/)?"
    r"(?:faster-|faster_)?(?:whisper-)?(?P<name>.+?)(?:-ct2)?"
)


def official_name(given: str) -> str | None:
    """The official name that `given` stands for, however it is dressed; None for another's."""
    match = _DRESSED.fullmatch(given.strip().lower())
    bare = match["name"] if match else ""
    return SAME.get(bare, bare) if bare in OFFICIAL_MEGABYTES else None


def public_name(name_or_path: str) -> str:
    """What users call the model that a setting names: an official name, or the path's last part.

    The same that a loaded model has on its card.
    """
    path = Path(name_or_path)
    return path.stem if path.is_file() else path.name if path.is_dir() else name_or_path
