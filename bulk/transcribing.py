"""One line of a manifest: fetched, transcribed, written. What became of it is its entry.

Several threads do this side by side on one engine; who they are is bulk/runner.py's, or on a
cluster bulk/cluster_actor.py's. What every recording would fail of is raised, the rest is in the
entry.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path

from bulk.bounded_decoder import BoundedDecoder
from bulk.entries import Entry
from bulk.fetch import Fetcher
from bulk.manifest import Line
from bulk.output import OutputFailed
from bulk.results import Results
from bulk.retries import is_ours
from bulk.scoring import scored
from decoding.errors import DoesNotFit, EngineAway, EngineFailed, PoisonClip
from decoding.types import Decoder
from transcription.batch import transcribe_with
from transcription.errors import DecoderFailed
from transcription.failures import Reason, reason_of
from transcription.language_names import language_code, script_of
from transcription.options import TranscriptionOptions
from transcription.reader import Reader
from transcription.types import Transcript
from transcription.window_decoder import EngineWindowDecoder

WINDOWS_AT_ONCE = 768  # of all recordings; an engine process has room for 1024
TRIES = 3  # of a recording at which the engine or ffmpeg failed without being its fault
PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
AWAY_SECONDS = 600.0  # that an engine may be away before the run ends
UNREADABLE = "recording_unreadable"
MISTAKE = Reason("internal_error", "longform made a mistake here; its log holds the details.")

log = logging.getLogger(__name__)


class RunStopped(Exception):
    """Every further recording would fail as this one did; the message says of what."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with each recording: `at_once` are transcribed, others fetched meanwhile.

    `options_digest` stands for the model and the options in the entries of this run.
    """

    decoder: Decoder
    options: TranscriptionOptions
    reader: Reader
    fetcher: Fetcher
    results: Results
    workspace: Path
    at_once: int = 4
    overwrite: bool = False
    options_digest: str | None = None


@dataclass(eq=False)
class Transcribing:
    """`Work` in the hands of several threads. `ends` is set when nothing more is begun."""

    work: Work
    ends: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._decoder = BoundedDecoder(self.work.decoder, WINDOWS_AT_ONCE)
        self._places = threading.BoundedSemaphore(self.work.at_once)

    def entry_of(self, line: Line) -> tuple[Entry, bool]:
        """What became of the line, and whether it was transcribed now.

        Raises `RunStopped`, `OutputFailed`, `DoesNotFit`, and `CancelledError` once `ends` is set.
        """
        found = None if self.work.overwrite else self.work.results.entry_of(line.id)
        entry = found or self._transcribed(line)
        return replace(entry, line=line.number), found is None

    def _transcribed(self, line: Line) -> Entry:
        with tempfile.TemporaryDirectory(dir=self.work.workspace) as folder:
            try:
                source = self.work.fetcher.fetch(line.source, Path(folder))
                with self._places:
                    began = time.monotonic()
                    transcript = self._persistently(line, source, Path(folder))
                    seconds = time.monotonic() - began
                return self._written(line, transcript, seconds)
            except Exception as error:
                if self.ends.is_set():  # it may be because the engine was closed
                    raise CancelledError from error
                reason = _reason(error)
                return Entry(
                    line.number,
                    "failed",
                    line.id,
                    line.audio,
                    error_code=reason.code,
                    error=reason.message,
                )

    def _persistently(self, line: Line, source: Path, folder: Path) -> Transcript:
        """Try again what was not the recording's fault."""
        options = options_for(line, self.work.options)
        tries, pause, give_up = TRIES, PAUSE_SECONDS, time.monotonic() + AWAY_SECONDS
        while True:
            windows = EngineWindowDecoder(self._decoder, group=line.id)
            try:
                return transcribe_with(windows, source, options, folder, self.work.reader)
            except (PoisonClip, DoesNotFit):
                raise
            except EngineAway as error:
                if time.monotonic() > give_up:
                    raise RunStopped(f"the engine is away: {error}") from error
            except (EngineFailed, DecoderFailed):
                tries -= 1
                if not tries:
                    raise
            if self.ends.wait(pause):
                raise CancelledError
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _written(self, line: Line, transcript: Transcript, seconds: float) -> Entry:
        entry = Entry(
            line.number,
            "completed",
            line.id,
            line.audio,
            duration=round(transcript.duration, 3),
            words=sum(len(segment.words) for segment in transcript.segments),
            language=transcript.language,
            seconds_taken=round(seconds, 3),
            model=transcript.model,
            options_digest=self.work.options_digest,
        )
        if line.text is not None:
            entry = scored(entry, line.text, transcript.text)
        return self.work.results.write(entry, transcript)


def options_for(line: Line, options: TranscriptionOptions) -> TranscriptionOptions:
    """`options` in the language that the line names, if it names one."""
    if line.language is None:
        return options
    decoding = replace(options.decoding, language=language_code(line.language), languages=())
    return replace(options, decoding=decoding, script=script_of(line.language))


def _reason(error: Exception) -> Reason:
    """Why the recording failed. Raises the error again where it is not the recording's."""
    if isinstance(error, CancelledError | RunStopped | OutputFailed | DoesNotFit):
        raise error
    if is_ours(error):
        raise RunStopped(f"this machine has no room: {error}") from error
    if (reason := reason_of(error)) is not None:
        return reason
    if isinstance(error, OSError):
        return Reason(UNREADABLE, f"The recording could not be read: {error.strerror or error}.")
    log.error("a mistake in a recording", exc_info=error)
    return MISTAKE
