"""Many files into a folder of transcripts: in parallel, resumable, what is done is skipped.

A transcript is written beside its final name and renamed, so that a file that exists is whole.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    FIRST_EXCEPTION,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chunking.options import CueOptions
from decoding.errors import DecodingError
from decoding.types import Decoder
from transcription.batch_record import BatchRecord, Made, Source
from transcription.console import ProgressBars
from transcription.documents import Granularity
from transcription.errors import NO_ROOM, TranscriptionError
from transcription.options import TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.reader import Reader
from transcription.render import FORMATS, Look, render_parts
from transcription.sound_files import AUDIO_SUFFIXES as AUDIO_SUFFIXES  # bulk has them from here
from transcription.sound_files import has_sound as has_sound
from transcription.sound_files import is_named_like_sound as is_named_like_sound
from transcription.transcript_names import targets_of
from transcription.types import Observer, Transcript
from transcription.whole_files import check_writable, write_whole
from transcription.window_decoder import EngineWindowDecoder

logger = logging.getLogger(__name__)

EVERYTHING: tuple[Granularity, ...] = ("segment", "word")
"""What verbose_json holds when it is a file: nobody can ask for the words later."""


class NoRoom(Exception):
    """The disk is full: what else there is to do would be done in vain."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: its transcript, or why there is none; neither means skipped.

    `is_of_others`: what it was skipped for is of another model, other options or another format.
    """

    source: Path
    transcript: Transcript | None = None
    problem: str | None = None
    is_of_others: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: of each file that ended, how; and why the others did not, if any."""

    outcomes: tuple[Outcome, ...]
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What to do with every file of a batch; `cues` is how subtitles look.

    `options_digest` (of options_digest.py) tells whether an earlier run asked for the same.
    """

    decoder: Decoder
    options: TranscriptionOptions
    formats: tuple[str, ...]
    output: Path
    reader: Reader
    files_at_once: int = 4
    overwrite: bool = False
    cues: CueOptions = field(default_factory=CueOptions)
    options_digest: str = ""


def transcribe_all(files: Sequence[tuple[Path, Path]], batch: Batch, bars: ProgressBars) -> Ended:
    """Transcribe `files` (as of `find_audio`) into `batch.output`, several at once.

    One of which nothing can be made does not keep the others from being done; a full disk does.
    Raises, before anything is done, SameTranscript for files that would overwrite each other, and
    OSError where the record of earlier runs cannot be read.
    """
    record = BatchRecord(batch.output)
    targets = targets_of(files, record)
    run = _Run(batch, record, bars)
    with ThreadPoolExecutor(max_workers=max(batch.files_at_once, 1)) as workers:
        futures = [
            workers.submit(run.one, file, name, target)
            for (file, name), target in zip(files, targets, strict=True)
        ]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            return _ended([future for future in futures if future.done()])
        finally:
            if not all(future.done() for future in futures):  # the disk is full, or Ctrl-C
                workers.shutdown(wait=False, cancel_futures=True)
                batch.decoder.close()


def _ended(futures: Sequence[Future[Outcome]]) -> Ended:
    errors = [error for future in futures if (error := future.exception())]
    for error in errors:
        if not isinstance(error, NoRoom):
            raise error
    outcomes = tuple(future.result() for future in futures if not future.exception())
    return Ended(outcomes, str(errors[0]) if errors else None)


def transcribe_file(source: Path, batch: Batch, bars: ProgressBars) -> Transcript:
    """One file with a bar; its decoded samples are gone afterwards."""
    bar = bars.bar(source.name)
    windows = EngineWindowDecoder(batch.decoder, group=str(source))
    with tempfile.TemporaryDirectory(prefix="longform-") as folder:
        try:
            return transcribe_with(windows, source, batch.options, Path(folder), batch.reader, bar)
        finally:
            bar.remove()


def transcribe_with(
    windows: EngineWindowDecoder,
    source: Path,
    options: TranscriptionOptions,
    workspace: Path,
    reader: Reader,
    observer: Observer | None = None,
) -> Transcript:
    """One file; however it ends, no window of it is left in the engine."""
    try:
        return transcribe(
            source, options, windows, workspace=workspace, observer=observer, reader=reader
        )
    finally:
        windows.cancel()


@dataclass(frozen=True, slots=True)
class _Run:
    """What the recordings of a run have in common."""

    batch: Batch
    record: BatchRecord
    bars: ProgressBars

    def one(self, file: Path, name: Path, target: Path) -> Outcome:
        """Raises NoRoom: whatever else becomes of a recording is its own affair."""
        try:
            return self._done(file, name, target)
        except NoRoom:
            raise
        except (TranscriptionError, DecodingError, OSError) as error:
            return Outcome(file, problem=str(error) or type(error).__name__)
        except CancelledError:  # the engine was closed
            return Outcome(file, problem="cancelled")
        except Exception as error:
            logger.exception("%s could not be transcribed", file)
            return Outcome(file, problem=f"{type(error).__name__}: {error}")

    def _done(self, file: Path, name: Path, target: Path) -> Outcome:
        batch = self.batch
        made = Made(
            target=target.as_posix(),
            formats=batch.formats,
            source=Source.of(file, name),
            model=batch.decoder.model.name,
            options_digest=batch.options_digest,
        )
        whole = batch.output / target
        ends = [FORMATS[one].suffix for one in batch.formats]
        paths = [whole.with_name(f"{whole.name}.{end}") for end in ends]
        before = None if batch.overwrite else self._done_before(file, made, paths)
        return before or self._transcribed(file, made, paths)

    def _done_before(self, file: Path, made: Made, paths: Sequence[Path]) -> Outcome | None:
        """What an earlier run made of the recording, or of another one, is left as it is."""
        other = self.record.stranger(made.target, made.source)
        if other is not None:
            told = f"{self.batch.output / made.target} is the transcript of {other.path}"
            return Outcome(file, problem=f"{told}; give another --output, or --overwrite")
        found = [self.record.made(made.target, FORMATS[name].suffix) for name in made.formats]
        known = [one for one in found if one is not None]
        is_changed = not all(one.source.is_as(made.source) for one in known)
        if is_changed or not all(path.exists() for path in paths):
            return None
        return Outcome(file, is_of_others=not all(map(made.is_asked_like, known)))

    def _transcribed(self, file: Path, made: Made, paths: Sequence[Path]) -> Outcome:
        with _room_in(self.batch.output):
            for path in paths:
                check_writable(path)
        with _room_in(Path(tempfile.gettempdir())):
            transcript = transcribe_file(file, self.batch, self.bars)
        with _room_in(self.batch.output):
            for name, path in zip(made.formats, paths, strict=True):
                write_whole(path, written(transcript, name, self.batch.cues))
            self.record.add(made)
        return Outcome(file, transcript=transcript)


@contextmanager
def _room_in(folder: Path) -> Iterator[None]:
    """Raises NoRoom where what is written into `folder` finds none."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise NoRoom(f"there is no room left in {folder}") from error
        raise


def written(transcript: Transcript, name: str, cues: CueOptions) -> Iterator[str]:
    """`transcript` in the format `name`, as a file of its own, bit by bit."""
    return render_parts(transcript, name, Look(EVERYTHING, cues))
