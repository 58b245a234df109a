"""The inside of a bulk run's actor on a cluster: an engine, and the lines that it is handed.

Imports no ray: Ray Data makes an object of this class in a process of its own and calls it from
several threads, a line each, so that recordings share the engine's batches.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bulk.fetch import Fetcher
from bulk.manifest import Line
from bulk.output import Output
from bulk.results import Results
from bulk.transcribing import Transcribing, Work
from bulk.workspace import workspace_of_process
from decoding.types import Decoder
from transcription.audio import AudioLimits
from transcription.language import check_model_can
from transcription.options import TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.sound_download import DownloadLimits

LINE, ENTRY, IS_NEW, STOPPED = "line", "entry", "is_new", "stopped"  # columns
Batch = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ActorWork:
    """What each actor works with: its engine is made by `factory`, results go to `output`."""

    factory: Callable[[], Decoder]
    options: TranscriptionOptions
    limits: AudioLimits
    download: DownloadLimits
    output: str
    at_once: int
    overwrite: bool = False
    options_digest: str | None = None


class TranscribingActor:
    """What stands in the way of every line is told with each of them, and ends the run."""

    def __init__(self, given: ActorWork) -> None:
        self._trouble: str | None = None
        try:
            self._transcribing = self._opened(given)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run's owner must be told
            self._trouble = f"{type(error).__name__}: {error}"

    def __call__(self, batch: Batch) -> Batch:
        """A row for each line: its entry and whether it is new, or why the run must stop."""
        rows = [self._row(Line(**json.loads(text))) for text in batch[LINE]]
        columns = (LINE, ENTRY, IS_NEW, STOPPED)
        return {name: np.array([row[name] for row in rows]) for name in columns}

    def _opened(self, given: ActorWork) -> Transcribing:
        workspace = workspace_of_process()
        decoder = given.factory()
        check_model_can(given.options, decoder.model)
        return Transcribing(
            Work(
                decoder=decoder,
                options=given.options,
                reader=ThreadReader(given.limits),
                fetcher=Fetcher(given.download),
                results=Results(Output(given.output, workspace)),
                workspace=workspace,
                at_once=given.at_once,
                overwrite=given.overwrite,
                options_digest=given.options_digest,
            )
        )

    def _row(self, line: Line) -> dict[str, Any]:
        row = {LINE: line.number, ENTRY: "", IS_NEW: False, STOPPED: self._trouble or ""}
        if self._trouble is not None:
            return row
        try:
            entry, is_new = self._transcribing.entry_of(line)
        except CancelledError:
            return row | {STOPPED: "the engine was closed"}
        except Exception as error:  # noqa: BLE001 - what every line would fail of
            return row | {STOPPED: str(error)}
        return row | {ENTRY: entry.text(), IS_NEW: is_new}


def packed(line: Line) -> dict[str, str]:
    """A line as it travels to an actor."""
    return {LINE: json.dumps(asdict(line), ensure_ascii=False)}
