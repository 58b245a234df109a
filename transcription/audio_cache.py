"""The cache of ingested audio, noted beside the samples: who goes on after a crash starts from it.

A note is believed only for the same file and options, and while the samples it names are whole.
Nothing is noted of a file that was refused.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from transcription.audio import AudioLimits
from transcription.options import TranscriptionOptions
from transcription.types import BYTES_PER_SAMPLE, IngestedAudio, Recording

NOTE = "sound.json"


@dataclass(frozen=True, slots=True)
class _Note:
    key: str
    sound: IngestedAudio


_NOTES = TypeAdapter(_Note)


def key_of(source: Path, options: TranscriptionOptions, limits: AudioLimits) -> str:
    """The same for the same file, as far as size and date tell, and the same options of
    ingestion."""
    found = source.stat()
    asked = (options.channels, options.audio_track, options.speech, limits.max_seconds)
    whole = f"{found.st_size} {found.st_mtime_ns} {asked!r}"
    return hashlib.sha256(whole.encode()).hexdigest()


def find_cached(workspace: Path, key: str) -> IngestedAudio | None:
    """What was kept in this workspace under `key`, if its samples are still what they were."""
    try:
        note = _NOTES.validate_json((workspace / NOTE).read_bytes())
    except (FileNotFoundError, ValidationError):  # a crash of the machine may leave half of it
        return None
    channels = tuple(
        (replace(recording, path=workspace / recording.path.name), detected)
        for recording, detected in note.sound.channels
    )
    if note.key != key or not all(_is_whole(recording) for recording, _ in channels):
        return None
    return replace(note.sound, channels=channels)


def keep_cached(workspace: Path, key: str, sound: IngestedAudio) -> None:
    """Note `sound`, whose samples lie in `workspace`; all of the note or nothing."""
    draft = workspace / f"{NOTE}.new"
    draft.write_bytes(_NOTES.dump_json(_Note(key, sound)))
    os.replace(draft, workspace / NOTE)


def _is_whole(recording: Recording) -> bool:
    try:
        with recording.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != recording.samples * BYTES_PER_SAMPLE:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == recording.digest
    except FileNotFoundError:
        return False
