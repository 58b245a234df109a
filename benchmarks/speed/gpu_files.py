"""Whole files through the pipeline, the engine in a process of its own: alone, and many at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from decoding.types import Decoder, DecodingOptions
from transcription.models import open_decoder
from transcription.options import TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.reader_process import reader_of
from transcription.settings import Settings
from transcription.types import Transcript
from transcription.window_decoder import EngineWindowDecoder


def lines(model: str, device: str, recording: Path, count: int) -> list[str]:
    """One file alone, twice, then `count` of them at once."""
    decoder = open_decoder(Settings(model=model, devices=device), own_process=True)
    try:
        _all(decoder, recording, count)  # warm: recordings are made
        told = [_line("alone", *_all(decoder, recording, 1)) for _ in range(2)]
        return [*told, _line(f"{count} at once", *_all(decoder, recording, count))]
    finally:
        decoder.close()


def _line(how: str, done: Sequence[Transcript], wall: float, own: float) -> str:
    seconds = sum(one.duration for one in done)
    windows = sum(one.windows for one in done)
    words = sum(len(tuple(one.words)) for one in done)
    return (
        f"- {how}: {seconds:.0f} s of sound in {wall:.2f} s, {seconds / wall:.0f} times real time; "
        f"{windows} windows, {words} words; {1000 * own / max(windows, 1):.0f} ms a window of this "
        "process's processor time, the engine's not among it"
    )


def _all(decoder: Decoder, recording: Path, count: int) -> tuple[list[Transcript], float, float]:
    """Transcripts, and seconds by the clock and of this process."""
    own, began = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        done = list(pool.map(lambda at: _one(decoder, recording, at), range(count)))
    return done, time.perf_counter() - began, time.process_time() - own


def _one(decoder: Decoder, recording: Path, at: int) -> Transcript:
    options = TranscriptionOptions(decoding=DecodingOptions(language="en"))
    windows = EngineWindowDecoder(decoder, group=f"file {at}")
    with tempfile.TemporaryDirectory(prefix="longform-") as folder:
        reader = reader_of(Settings())
        return transcribe(recording, options, windows, workspace=Path(folder), reader=reader)
