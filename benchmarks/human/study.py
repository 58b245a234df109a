"""A run scored recording by recording, each with the rules of its language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.evaluation import Duel, FileEvaluation, SystemEvaluation, duel, evaluate_file
from benchmarks.human.types import SPEECH, HumanRecording, Kind
from benchmarks.normalizers import (
    DIGITS,
    ENGLISH,
    Normalizer,
    default_normalizers,
    normalizer_named,
)
from benchmarks.records import FileRecord, RunRecord, SystemRecord
from benchmarks.scoring import Counts, pool
from benchmarks.timing import Times, times_of_words

LONG_SECONDS: Final = 30.0
"""What one window hears says nothing about long recordings."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One recording as one system heard it. `times` are those of the words that were heard;
    `reference_times` those of the reference's words, where the corpus gives them."""

    recording: HumanRecording
    file: FileEvaluation
    times: Times
    reference_times: Times

    @property
    def record(self) -> FileRecord:
        return self.file.record

    @property
    def is_long(self) -> bool:
        return self.record.duration > LONG_SECONDS


@dataclass(frozen=True, slots=True)
class Measured:
    """A system's recordings, those that it has finished, by their names in order."""

    name: str
    system: SystemRecord
    heard: Mapping[str, Heard]

    def of(self, *kinds: Kind) -> list[Heard]:
        return [one for one in self.heard.values() if one.recording.kind in kinds]

    @property
    def speech(self) -> list[Heard]:
        """Long recordings of English speech: what is pooled."""
        return [one for one in self.of(*SPEECH) if one.is_long]

    def evaluation(self, chosen: Iterable[Heard]) -> SystemEvaluation:
        return SystemEvaluation(self.system, ENGLISH, tuple(one.file for one in chosen))


@dataclass(frozen=True, slots=True)
class Study:
    """All systems, ours first; `absent` names those that heard nothing and says why.

    `moved`: systems once more, each with its windows moved by a phase.
    """

    run: RunRecord
    systems: tuple[Measured, ...]
    absent: tuple[tuple[str, str], ...]
    moved: tuple[Measured, ...] = ()

    @property
    def ours(self) -> Measured:
        return self.systems[0]

    def phases_of(self, name: str) -> dict[float, Measured]:
        """One system by the seconds by which its windows were moved, where it heard anything."""
        return {
            one.system.phase: one
            for one in (*self.systems, *self.moved)
            if one.name == name and one.heard
        }


def study(recordings: Sequence[HumanRecording], run: RunRecord) -> Study:
    """Scores what `run` holds. Raises ValueError when the first system heard nothing."""
    by_name = {recording.item.name: recording for recording in recordings}
    everything = [_measured(system, by_name) for system in run.systems]
    measured = [one for one in everything if not one.system.phase]
    if not measured or not measured[0].heard:
        raise ValueError("nothing has been measured of this repository's pipeline yet")
    absent = tuple((one.name, _reason(one.system)) for one in measured if not one.heard)
    moved = tuple(one for one in everything if one.system.phase)
    return Study(run, tuple(one for one in measured if one.heard), absent, moved)


def _measured(system: SystemRecord, by_name: Mapping[str, HumanRecording]) -> Measured:
    found = {
        record.item.name: heard_in(by_name[record.item.name], record)
        for record in system.files
        if record.heard is not None and record.item.name in by_name
    }
    return Measured(system.name, system, found)


def _reason(system: SystemRecord) -> str:
    return next((file.error for file in system.files if file.error), "it has no recording")


def heard_in(recording: HumanRecording, record: FileRecord) -> Heard:
    """Scores one recording with the rules of its language."""
    normalizer = rules_for(recording)
    heard, item = record.heard, recording.item
    assert heard is not None
    return Heard(
        recording,
        evaluate_file(record, normalizer),
        times_of_words(normalizer.words(heard.text), heard.words, normalizer),
        times_of_words(normalizer.words(item.reference), item.words, normalizer),
    )


def rules_for(recording: HumanRecording) -> Normalizer:
    """English, the language's own, or for digits each digit as a word."""
    if recording.kind == "digits":
        return normalizer_named(DIGITS)
    if recording.language is None:
        return normalizer_named("multilingual")
    return normalizer_named(default_normalizers(recording.language)[0])


def by_digits(recordings: Iterable[Heard]) -> Counts:
    """Words right and wrong where each digit is a word, however a system groups them."""
    rules = normalizer_named(DIGITS)
    return pool(evaluate_file(heard.record, rules).score for heard in recordings)


def compared(
    study: Study, other: Measured, choose: Callable[[Measured], Sequence[Heard]]
) -> Duel | None:
    """Ours against `other` on what both have heard of what `choose` takes; None without any."""
    try:
        return duel(other.evaluation(choose(other)), study.ours.evaluation(choose(study.ours)))
    except ValueError:
        return None
