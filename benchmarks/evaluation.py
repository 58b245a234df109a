"""Scores what a run recorded, with any normaliser, and compares systems on the same words.

Reads records, decodes nothing. Recordings that failed are left out and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from benchmarks.markup import parse_reference, plain_reference
from benchmarks.normalizers import Normalizer, normalizer_named
from benchmarks.records import FileRecord, SystemRecord
from benchmarks.scoring import CharacterCounts, Counts, Score, score_words
from benchmarks.statistics import (
    NO_BLOCKS,
    Blocks,
    Comparison,
    Interval,
    Significance,
    block_numbers,
    blocks_of,
    bootstrap,
    compare,
    errors_by_position,
    mapsswe,
    mcnemar,
)
from benchmarks.symptoms import (
    Bin,
    Symptoms,
    errors_by_seam_distance,
    errors_per_minute,
    find_symptoms,
)
from benchmarks.timing import times_of_pairs, times_of_words


@dataclass(frozen=True, slots=True)
class FileEvaluation:
    """One recording scored. `times`: a second for each column of the alignment.

    `positions`: words of the reference's first reading, the same for every system.
    """

    record: FileRecord
    score: Score
    symptoms: Symptoms
    blocks: Blocks
    times: tuple[float | None, ...]
    positions: int

    @property
    def per_minute(self) -> tuple[Bin, ...]:
        return errors_per_minute(self.score.alignment, self.times)

    @property
    def by_seam_distance(self) -> tuple[Bin, ...]:
        seams = self.record.heard.seams if self.record.heard else ()
        return errors_by_seam_distance(self.score.alignment, self.times, seams)


@dataclass(frozen=True, slots=True)
class NoSpeech:
    """Words heard in recordings without speech."""

    words: int
    minutes: float
    recordings: int
    recordings_with_words: int

    @property
    def words_per_minute(self) -> float | None:
        return self.words / self.minutes if self.minutes else None


@dataclass(frozen=True, slots=True)
class SystemEvaluation:
    """A system's recordings scored with one normaliser, and figures over all of them."""

    system: SystemRecord
    normalizer: str
    files: tuple[FileEvaluation, ...]

    @property
    def counts(self) -> Counts:
        return reduce(add, (file.score.words for file in self.files), Counts())

    @property
    def characters(self) -> CharacterCounts:
        return reduce(add, (file.score.characters for file in self.files), CharacterCounts())

    @property
    def symptoms(self) -> Symptoms:
        return reduce(add, (file.symptoms for file in self.files), Symptoms())

    @property
    def interval(self) -> Interval | None:
        return bootstrap(reduce(add, (file.blocks for file in self.files), NO_BLOCKS))

    @property
    def failed(self) -> int:
        return sum(record.error is not None for record in self.system.files)

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of work for a second of sound: below 1 is faster than speech."""
        seconds = sum(file.record.duration for file in self.files)
        return sum(file.record.seconds for file in self.files) / seconds if seconds else None

    @property
    def memory_bytes(self) -> int:
        return max((file.record.memory_bytes for file in self.files), default=0)

    @property
    def device_memory_bytes(self) -> int:
        return max((file.record.device_memory_bytes for file in self.files), default=0)

    @property
    def warning(self) -> str | None:
        return next((f.score.warning for f in self.files if f.score.warning), None)

    @property
    def no_speech(self) -> NoSpeech:
        empty = [file for file in self.files if not file.score.reference_length]
        heard = [file.score.insertions for file in empty]
        minutes = sum(file.record.duration for file in empty) / 60
        return NoSpeech(sum(heard), minutes, len(heard), sum(words > 0 for words in heard))

    @property
    def per_minute(self) -> tuple[Bin, ...]:
        """Errors by minute, all recordings laid over each other from their start."""
        return _added([file.per_minute for file in self.files])

    @property
    def by_seam_distance(self) -> tuple[Bin, ...]:
        return _added([file.by_seam_distance for file in self.files])


def evaluate(system: SystemRecord, normalizer: str) -> SystemEvaluation:
    """Scores every recording that was transcribed."""
    chosen = normalizer_named(normalizer)
    files = tuple(
        evaluate_file(record, chosen) for record in system.files if record.heard is not None
    )
    return SystemEvaluation(system, normalizer, files)


def evaluate_file(record: FileRecord, normalizer: Normalizer) -> FileEvaluation:
    """Scores one recording and places every error in time."""
    item, heard = record.item, record.heard
    if heard is None:
        raise ValueError(f"{item.name} was not transcribed: {record.error}")
    read = parse_reference if item.has_choices else plain_reference
    reference = read(item.reference, normalizer)
    words = normalizer.words(heard.text)
    score = score_words(reference, words, normalizer)
    spoken = times_of_words(reference.words, item.words, normalizer)
    duration = record.duration or None
    starts = [None if span is None else span.start for span in spoken]
    numbers = block_numbers(len(reference.words), duration, starts)
    return FileEvaluation(
        record=record,
        score=score,
        symptoms=find_symptoms(score.alignment),
        blocks=blocks_of(score.alignment, numbers),
        times=times_of_pairs(
            score.alignment,
            spoken,
            times_of_words(words, heard.words, normalizer),
            duration,
        ),
        positions=len(reference.words),
    )


@dataclass(frozen=True, slots=True)
class Duel:
    """System `second` against `first` on the recordings that both transcribed."""

    first: str
    second: str
    recordings: int
    comparison: Comparison | None
    mapsswe: Significance | None
    mcnemar: Significance


def duel(first: SystemEvaluation, second: SystemEvaluation) -> Duel:
    """Paired figures. Raises ValueError when the two share no recording."""
    others = {file.record.item.name: file for file in second.files}
    pairs = [
        (file, others[file.record.item.name])
        for file in first.files
        if file.record.item.name in others
    ]
    if not pairs:
        raise ValueError(f"{first.system.name} and {second.system.name} share no recording")
    for a, b in pairs:
        if a.record.item.reference != b.record.item.reference:
            raise ValueError(f"{a.record.item.name} has two different references")
    before = reduce(add, (a.blocks for a, _ in pairs), NO_BLOCKS)
    after = reduce(add, (b.blocks for _, b in pairs), NO_BLOCKS)
    errors = [
        np.concatenate(
            [errors_by_position(file.score.alignment, file.positions) for file in column]
        )
        for column in zip(*pairs, strict=True)
    ]
    wrong = [
        np.concatenate([_wrong_words(file) for file in column])
        for column in zip(*pairs, strict=True)
    ]
    return Duel(
        first=first.system.name,
        second=second.system.name,
        recordings=len(pairs),
        comparison=compare(before, after),
        mapsswe=mapsswe(errors[0], errors[1]),
        mcnemar=mcnemar(int(np.sum(wrong[0] & ~wrong[1])), int(np.sum(wrong[1] & ~wrong[0]))),
    )


def _wrong_words(file: FileEvaluation) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which reference positions were not heard right; insertions do not count."""
    wrong = np.zeros(file.positions, dtype=np.bool_)
    for pair in file.score.alignment:
        if pair.reference is not None and pair.is_error:
            wrong[pair.position] = True
    return wrong


def _added(columns: Sequence[tuple[Bin, ...]]) -> tuple[Bin, ...]:
    longest = max(columns, key=len, default=())
    return tuple(
        Bin(
            edge.start,
            edge.end,
            sum(bins[n].errors for bins in columns if n < len(bins)),
            sum(bins[n].words for bins in columns if n < len(bins)),
        )
        for n, edge in enumerate(longest)
    )


def summary(evaluation: SystemEvaluation) -> dict[str, Any]:
    """Every figure of one system under one normaliser, by name."""
    counts, characters, symptoms = evaluation.counts, evaluation.characters, evaluation.symptoms
    interval, silent = evaluation.interval, evaluation.no_speech
    return {
        "system": evaluation.system.name,
        "normalizer": evaluation.normalizer,
        "warning": evaluation.warning,
        "recordings": len(evaluation.files),
        "failed": evaluation.failed,
        "wer": counts.error_rate,
        "wer_low": interval.low if interval else None,
        "wer_high": interval.high if interval else None,
        "reference_words": counts.reference_length,
        "hits": counts.hits,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "insertion_rate": counts.insertion_rate,
        "cer": characters.error_rate,
        "word_information_lost": counts.information_lost,
        "repeated_5grams": symptoms.repeated_ngrams,
        "duplicate_5grams": symptoms.duplicates,
        "duplicate_5grams_in_reference": symptoms.reference_duplicates,
        "longest_insertion": symptoms.longest_insertion,
        "longest_deletion": symptoms.longest_deletion,
        "lost_runs": symptoms.lost_runs,
        "words_per_minute_without_speech": silent.words_per_minute,
        "audio_seconds": sum(file.record.duration for file in evaluation.files),
        "seconds": sum(file.record.seconds for file in evaluation.files),
        "real_time_factor": evaluation.real_time_factor,
        "memory_bytes": evaluation.memory_bytes,
        "device_memory_bytes": evaluation.device_memory_bytes,
    }


def macro_average(evaluations: Sequence[SystemEvaluation | None]) -> float | None:
    """Plain mean of pooled rates over data sets, as published tables have it.

    None where a set was not measured or holds no words: an average over the easier sets misleads.
    """
    rates = [evaluation.counts.error_rate if evaluation else None for evaluation in evaluations]
    known = [rate for rate in rates if rate is not None]
    return sum(known) / len(known) if known and len(known) == len(rates) else None
