"""Many files into a folder of transcripts: in parallel, resumable, what is done is skipped.

A transcript is written beside its final name and renamed, so that a file that exists is whole.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
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
from transcription.types import Observer, Transcript
from transcription.whole_files import check_writable, write_whole
from transcription.window_decoder import EngineWindowDecoder

logger = logging.getLogger(__name__)

EVERYTHING: tuple[Granularity, ...] = ("segment", "word")
"""What verbose_json holds when it is a file: nobody can ask for the words later."""


class SameTranscript(ValueError):
    """Two files would overwrite each other's transcript."""


class NoRoom(Exception):
    """The disk is full: what else there is to do would be done in vain."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: its transcript, or why there is none; neither means skipped."""

    source: Path
    transcript: Transcript | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over: of each file that ended, how; and why the others did not, if any."""

    outcomes: tuple[Outcome, ...]
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What to do with every file of a batch; `cues` is how subtitles look."""

    decoder: Decoder
    options: TranscriptionOptions
    formats: tuple[str, ...]
    output: Path
    reader: Reader
    files_at_once: int = 4
    overwrite: bool = False
    cues: CueOptions = field(default_factory=CueOptions)


def transcribe_all(files: Sequence[tuple[Path, Path]], batch: Batch, bars: ProgressBars) -> Ended:
    """Transcribe `files` (as of `find_audio`) into `batch.output`, several at once.

    One of which nothing can be made does not keep the others from being done; a full disk does.
    Raises SameTranscript, before anything is done, for files that would overwrite each other.
    """
    targets = _targets(files, batch.output)
    with ThreadPoolExecutor(max_workers=max(batch.files_at_once, 1)) as workers:
        futures = [
            workers.submit(_one, source, target, batch, bars)
            for (source, _), target in zip(files, targets, strict=True)
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


def _targets(files: Sequence[tuple[Path, Path]], output: Path) -> list[Path]:
    """Where each transcript goes, without its extension; a.mp3 beside a.wav keep theirs.

    Raises SameTranscript for two files that would have the same transcript.
    """
    bare = Counter(output / name.with_suffix("") for _, name in files)
    targets = [
        target if bare[target := output / name.with_suffix("")] == 1 else output / name
        for _, name in files
    ]
    owners: dict[Path, Path] = {}
    for target, (file, _) in zip(targets, files, strict=True):
        other = owners.setdefault(target, file)
        if other != file:
            raise SameTranscript(
                f"{other} and {file} would have the same transcript; "
                "give their folders, or one of them at a time"
            )
    return targets


def _one(source: Path, target: Path, batch: Batch, bars: ProgressBars) -> Outcome:
    """Raises NoRoom: whatever else becomes of a recording is its own affair."""
    try:
        return _transcribed(source, target, batch, bars)
    except NoRoom:
        raise
    except (TranscriptionError, DecodingError, OSError) as error:
        return Outcome(source, problem=str(error) or type(error).__name__)
    except CancelledError:  # the engine was closed
        return Outcome(source, problem="cancelled")
    except Exception as error:
        logger.exception("%s could not be transcribed", source)
        return Outcome(source, problem=f"{type(error).__name__}: {error}")


def _transcribed(source: Path, target: Path, batch: Batch, bars: ProgressBars) -> Outcome:
    paths = {
        name: target.with_name(f"{target.name}.{FORMATS[name].suffix}") for name in batch.formats
    }
    if not batch.overwrite and all(path.exists() for path in paths.values()):
        return Outcome(source)
    with _room_in(batch.output):
        for path in paths.values():
            check_writable(path)
    with _room_in(Path(tempfile.gettempdir())):
        transcript = transcribe_file(source, batch, bars)
    with _room_in(batch.output):
        for name, path in paths.items():
            write_whole(path, written(transcript, name, batch.cues))
    return Outcome(source, transcript=transcript)


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
