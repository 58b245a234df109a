"""Files read in processes of their own, so that Python's lock is left to windows and their words.

A file's process is forked off a small server that has loaded what reading needs and nothing else,
which takes milliseconds, and ends with the file. A detector that runs on the engine's device stays
with the engine: the process sends what is to be judged and waits for the answer.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import pickle
import signal
import threading
import traceback
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.device.processors import usable_processors
from transcription.audio import AudioLimits
from transcription.errors import DecoderFailed
from transcription.options import TranscriptionOptions
from transcription.reader import Reader, Reading, ThreadReader
from transcription.settings import Settings
from transcription.silero import speech_probabilities
from transcription.types import IngestedAudio, VoiceActivityDetector

ENOUGH_PROCESSORS = 4  # with fewer, another process only waits for those that decode
GOODBYE_SECONDS = 60.0  # that a process gets to end ffmpeg and remove what it wrote
_IS_POSSIBLE = "forkserver" in multiprocessing.get_all_start_methods()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Judge:
    """What the engine's detector is asked."""

    samples: NDArray[np.int16]
    gain: float


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def reader_of(settings: Settings) -> Reader:
    """Who reads files; by itself processes where enough processors can be used.

    Processes need a program whose main module may be imported again, as multiprocessing does.
    """
    where, limits = settings.ingest, AudioLimits(max_seconds=settings.max_audio_seconds)
    if where == "auto":
        where = "process" if usable_processors() >= ENOUGH_PROCESSORS else "thread"
    return ProcessReader(limits) if where == "process" and _IS_POSSIBLE else ThreadReader(limits)


@dataclass(frozen=True, slots=True)
class ProcessReader:
    """A `Reader` that has each file read by a process; `DecoderFailed` when that was killed.

    Where none can be started the thread that iterates reads, and the log says why.
    """

    limits: AudioLimits = field(default_factory=AudioLimits)

    def read(
        self,
        source: Path,
        workspace: Path,
        options: TranscriptionOptions,
        vad: VoiceActivityDetector,
    ) -> Reading:
        context = _context()
        ours, theirs = context.Pipe()
        asks_us = vad is not speech_probabilities
        given = (theirs, asks_us, ThreadReader(self.limits), source, workspace, options)
        process = context.Process(target=serve, args=given, name="reader", daemon=True)
        try:
            process.start()
        except OSError as error:
            log.warning("no process can be started to read a file, a thread reads it: %s", error)
            yield from ThreadReader(self.limits).read(source, workspace, options, vad)
            return
        finally:
            theirs.close()  # so that its end is seen here as the end of the connection
        try:
            yield from _received(ours, vad)
        finally:
            ours.close()  # which ends it, if it is not over
            process.join(GOODBYE_SECONDS)
            process.kill()
            process.join()
            process.close()


def _received(connection: Connection[Any, Any], vad: VoiceActivityDetector) -> Reading:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError) as error:
            raise DecoderFailed("The process that reads the file was killed.") from error
        match message:
            case _Judge(samples, gain):
                found = vad(samples, gain=gain)
                with contextlib.suppress(OSError):  # the next message says that it is gone
                    connection.send(found)
            case _Failed(error=failure):
                raise failure
            case _:
                yield message
                if isinstance(message, IngestedAudio):
                    return


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # heeded when the server is started, by the first
    return context


# In the process.


def serve(
    connection: Connection[Any, Any],
    asks: bool,
    reader: Reader,
    source: Path,
    workspace: Path,
    options: TranscriptionOptions,
) -> None:
    """Read the file; ends early when nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # our parent's to heed
    parent = _Parent(connection)
    vad = parent.judge if asks else speech_probabilities
    with contextlib.suppress(EOFError, ConnectionError):
        try:
            with closing(reader.read(source, workspace, options, vad)) as reading:
                for step in reading:
                    parent.tell(step)
        except (EOFError, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            parent.tell(_Failed(_as_sent(error)))


class _Parent:
    """Whoever waits for the sound, as the threads of the process see it."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._asking = threading.Lock()

    def tell(self, message: object) -> None:
        with self._sending:
            self._connection.send(message)

    def judge(self, samples: NDArray[np.int16], *, gain: float = 1.0) -> NDArray[np.float32]:
        """The parent's detector; one question at a time."""
        with self._asking:
            self.tell(_Judge(samples, gain))
            found: NDArray[np.float32] = self._connection.recv()
            return found


def _as_sent(error: Exception) -> Exception:
    """The error with the place where it was raised, which does not travel by itself."""
    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an error may refuse in any way
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In the process that reads:\n{where}")
    return error
