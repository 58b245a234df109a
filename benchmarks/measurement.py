"""A recogniser that is opened once and hears one recording after the other, each timed alone."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.items import AudioPart, Item
from benchmarks.machine import peak_device_memory, peak_memory, timed
from benchmarks.peers.registry import open_peer, versions_of
from benchmarks.peers.types import Peer, PeerSpec
from benchmarks.records import FileRecord
from benchmarks.sound import prepare

OPENER = "benchmarks.measurement:Measurement"
WARM_UP_SPEECH = Path(__file__).parent / "recordings" / "demo-meeting.opus"
WARM_UP_SECONDS = (0.5, 7.0)


class Measurement:
    """What a worker of a run holds. Raises PeerUnavailable when the recogniser cannot be opened."""

    def __init__(self, spec: Mapping[str, Any], sound_folder: str, *, warm_up: bool) -> None:
        began = time.perf_counter()
        self._sound = Path(sound_folder)
        chosen = PeerSpec.from_json(dict(spec))
        self._peer = open_peer(chosen)
        if warm_up:
            _warm_up(self._peer, self._sound)
        self.facts = {
            "settings": dict(self._peer.settings),
            "versions": versions_of(chosen.kind),
            "seconds": time.perf_counter() - began,
        }

    def answer(self, asked: Any) -> dict[str, Any]:
        """The record of an item."""
        return measure(self._peer, Item.from_json(asked), self._sound).to_json()

    def close(self) -> None:
        self._peer.close()


def measure(peer: Peer, item: Item, sound_folder: Path) -> FileRecord:
    """Transcribes one recording and times the call alone. An error becomes part of the record."""
    record = FileRecord(item, duration=0.0)
    try:
        audio, duration = prepare(item, sound_folder)
        record = replace(record, duration=duration)
        transcribe = partial(peer.transcribe, audio, item.language or None)
        heard, seconds, work_seconds = timed(transcribe)
    except Exception as error:  # noqa: BLE001  # a recogniser may fail in any way; the run goes on
        sys.stderr.write(traceback.format_exc())
        return replace(record, error=f"{type(error).__name__}: {error}"[:500])
    return replace(
        record,
        heard=heard,
        seconds=seconds,
        cpu_seconds=work_seconds,
        memory_bytes=peak_memory(),
        device_memory_bytes=peak_device_memory(),
    )


def _warm_up(peer: Peer, sound_folder: Path) -> None:
    """A few seconds of speech: kernels are compiled and caches filled before anything is timed."""
    speech = Item("warm-up", (AudioPart(WARM_UP_SPEECH, *WARM_UP_SECONDS),), "")
    audio, _ = prepare(speech, sound_folder)
    peer.transcribe(audio, "en")
