"""Results of recordings: one JSON object each, named by the recording's id.

The object is the verbose_json of every other part of this product, words and segments, with what
the index says of the recording in front (`recording`), so that an index can be made of results.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from urllib.parse import quote

from bulk.entries import Entry, entry_of
from bulk.output import Output
from transcription.batch import EVERYTHING
from transcription.documents import verbose_document
from transcription.render import json_parts
from transcription.types import Transcript

FOLDER = "results"
RECORDING = "recording"
LONGEST_NAME = 180  # file systems take 255 bytes, with what is appended while a file is written
DIGEST_BYTES = 16


def name_of(recording_id: str) -> str:
    """The result's name below the prefix: different for different ids, safe as a file name.

    Letters, digits and -_.~ stand for themselves, all else is percent-encoded; what would be too
    long ends with a digest.
    """
    safe = quote(recording_id, safe="")
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if len(safe) > LONGEST_NAME:
        digest = hashlib.blake2b(recording_id.encode(), digest_size=DIGEST_BYTES).hexdigest()
        safe = f"{safe[: LONGEST_NAME - len(digest) - 1]}={digest}"
    return f"{FOLDER}/{safe}.json"


class Results:
    """The results below a prefix."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def exists(self, recording_id: str) -> bool:
        return self._output.exists(name_of(recording_id))

    def entry_of(self, recording_id: str) -> Entry | None:
        """What the index said of a recording whose result is there; None if there is none whole."""
        name = name_of(recording_id)
        try:
            if not self._output.exists(name):
                return None
            document = json.loads(self._output.read(name))
        except (FileNotFoundError, ValueError):
            return None
        entry = entry_of(document.get(RECORDING)) if isinstance(document, dict) else None
        return entry if entry is not None and entry.id == recording_id else None

    def write(self, entry: Entry, transcript: Transcript) -> Entry:
        """Write the result; the entry that names it."""
        assert entry.id is not None
        named = replace(entry, result=name_of(entry.id))
        document = {RECORDING: named.document(), **verbose_document(transcript, EVERYTHING)}
        assert named.result is not None
        self._output.write(named.result, json_parts(document))
        return named
