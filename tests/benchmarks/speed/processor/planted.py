"""What every system answers is known; nothing is transcribed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import Account, PeerTranscript
from benchmarks.records import FileRecord
from benchmarks.speed.processor.plan import Amount
from benchmarks.speed.processor.turns import Answer, Turn

SAID = "the quick brown fox jumps over the lazy dog"
STAGES = {"decode": 1.0, "detectors": 2.0, "windows": 6.0, "merge": 0.5}
ENGINE = {"log-mel": 0.5, "encoder and prompt": 1.5, "steps": 3.0, "word timing": 0.5}
ACCOUNT = Account(3, 1, 1, 2, cpu_seconds=STAGES, engine_seconds=ENGINE, repair_seconds=1.25)


@dataclass(frozen=True, slots=True)
class Planted(Amount):
    """`answer` gives the record of each turn, or why there is none."""

    answer: Callable[[Turn], FileRecord | str] = lambda turn: "nobody answers"
    asked: Callable[[Turn], None] = lambda turn: None

    def take(self, turns: Sequence[Turn]) -> list[Answer]:
        return [self._answer(turn) for turn in turns]

    def _answer(self, turn: Turn) -> Answer:
        self.asked(turn)
        found = self.answer(turn)
        if isinstance(found, str):
            return Answer(turn, problem=found)
        return Answer(turn, found.to_json())


def record(
    seconds: float, cpu: float, text: str = SAID, account: Account | None = None, **more
) -> FileRecord:
    item = Item("one", (AudioPart(Path("one.wav")),), SAID)
    heard = PeerTranscript(text, windows=4, account=account)
    return FileRecord(item, 60.0, heard, seconds, 300_000_000, cpu_seconds=cpu, **more)
