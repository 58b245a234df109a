"""The run: each line that is still to do is fetched, transcribed, written and entered, once.

Several recordings are in hand at a time and share one engine's batches; others are fetched ahead of
them. A recording that cannot be transcribed is entered as failed; what every recording would fail
of (no engine, no room, a prefix that cannot be written to) ends the run, and nothing is lost.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from bulk.bounded_decoder import BoundedDecoder
from bulk.entries import Entry
from bulk.fetch import Fetcher
from bulk.index import Index
from bulk.manifest import Line
from bulk.output import OutputFailed
from bulk.progress import Progress
from bulk.results import Results
from bulk.retries import is_ours
from bulk.scoring import scored
from decoding.errors import DoesNotFit, EngineAway, EngineFailed, PoisonClip
from decoding.types import Decoder
from transcription.audio import AudioLimits
from transcription.batch import transcribe_with
from transcription.errors import DecoderFailed
from transcription.failures import Reason, reason_of
from transcription.language_names import language_code, script_of
from transcription.options import TranscriptionOptions
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
    """What is done with each recording: `at_once` are transcribed, `ahead` more fetched."""

    decoder: Decoder
    options: TranscriptionOptions
    limits: AudioLimits
    fetcher: Fetcher
    results: Results
    index: Index
    workspace: Path
    at_once: int = 4
    ahead: int = 4
    overwrite: bool = False


@dataclass(eq=False)
class Runner:
    """One run over lines that are to do."""

    work: Work
    progress: Progress
    _ends: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _why: BaseException | None = None

    def __post_init__(self) -> None:
        self._decoder = BoundedDecoder(self.work.decoder, WINDOWS_AT_ONCE)
        self._places = threading.BoundedSemaphore(self.work.at_once)
        self._threads = self.work.at_once + self.work.ahead
        self._room = threading.Semaphore(self._threads)

    def run(self, lines: Iterable[Line]) -> None:
        """Return when every line is in the index.

        Raises `RunStopped` and `OutputFailed`; then, and when it is interrupted, what was finished
        is in the index, and the rest is to do.
        """
        with ThreadPoolExecutor(self._threads, thread_name_prefix="recording") as pool:
            try:
                for line in lines:
                    self._room.acquire()
                    if self._ends.is_set():
                        break
                    pool.submit(self._take, line)
                pool.shutdown()
            except BaseException:
                self._end(None)
                raise
        if self._why is not None:
            raise self._why

    def _end(self, why: BaseException | None) -> None:
        """Begin nothing more; windows in the engine are cancelled."""
        with self._lock:
            if self._ends.is_set():
                return
            self._why = why
            self._ends.set()
        self.work.decoder.close()

    def _take(self, line: Line) -> None:
        try:
            if not self._ends.is_set():
                self._enter(line)
        except CancelledError:
            self._end(RunStopped("the engine was closed"))
        except BaseException as error:  # noqa: BLE001 - a thread's last words: the run ends
            self._end(error)
        finally:
            self._room.release()

    def _enter(self, line: Line) -> None:
        found = None if self.work.overwrite else self.work.results.entry_of(line.id)
        entry = found or self._transcribed(line)
        self.work.index.add(replace(entry, line=line.number))
        self.progress.ended(entry, is_new=found is None)

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
                if self._ends.is_set():  # it may be because the engine was closed
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
                return transcribe_with(windows, source, options, folder, self.work.limits)
            except (PoisonClip, DoesNotFit):
                raise
            except EngineAway as error:
                if time.monotonic() > give_up:
                    raise RunStopped(f"the engine is away: {error}") from error
            except (EngineFailed, DecoderFailed):
                tries -= 1
                if not tries:
                    raise
            if self._ends.wait(pause):
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
