"""Planted recordings: what was said is known, and what each system heard of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.formats.types import TimedWord
from benchmarks.human.study import Study, study
from benchmarks.human.types import HumanRecording, Kind
from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import Account, PeerTranscript
from benchmarks.records import FileRecord, RunRecord, SystemRecord
from chunking.types import Span

LETTERS = "abcdefghijklmnop"
SAID = tuple(f"q{one}{two}k" for one in LETTERS for two in LETTERS)[:200]  # a word a second
"""Words that no normaliser changes or splits."""
NO_ACCOUNT = Account(planned=8, repairs=4, repairs_used=1, repaired_words=3)


def recording(
    name: str, kind: Kind = "read", language: str | None = "en", **item
) -> HumanRecording:
    facts = {"reference": " ".join(SAID), "language": language or "", **item}
    return HumanRecording(Item(name, (AudioPart(Path(f"{name}.wav")),), **facts), kind, language)


def heard(words: Sequence[str | None], **facts) -> PeerTranscript:
    """A word a second; None stands for one that was not heard."""
    timed = tuple(TimedWord(w, n, n + 0.8) for n, w in enumerate(words) if w is not None)
    return PeerTranscript(" ".join(word.text for word in timed), timed, **facts)


def without(*lost: int) -> list[str | None]:
    """All that was said but for these."""
    return [None if n in lost else word for n, word in enumerate(SAID)]


def accounted(*uncovered: tuple[float, float], **facts) -> Account:
    return replace(NO_ACCOUNT, uncovered=tuple(Span(*span) for span in uncovered), **facts)


def plant_study(
    recordings: Sequence[HumanRecording],
    systems: Mapping[str, Sequence[PeerTranscript | None]],
    duration: float = 200.0,
) -> Study:
    """What each system heard of each recording; None stands for one that failed."""
    found = []
    for name, texts in systems.items():
        files = tuple(
            FileRecord(one.item, 0.0, error="RuntimeError: broken")
            if text is None
            else FileRecord(one.item, duration, text, seconds=10.0, cpu_seconds=20.0)
            for one, text in zip(recordings, texts, strict=True)
        )
        found.append(SystemRecord(name, {"model": "/where/it/lies/m.pt"}, {"torch": "2"}, files))
    run = RunRecord("human", "2026-01-02T03:04", "benchmarks human x", (), tuple(found))
    return study(recordings, run)
