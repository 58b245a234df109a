"""The tables on what is not English speech: nobody speaking, digits, other languages, times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.human.between import between_in
from benchmarks.human.boundaries import boundaries_of
from benchmarks.human.digits import digits_in
from benchmarks.human.nonspeech import nonspeech_in
from benchmarks.human.study import Heard, Measured, Study
from benchmarks.human.style import style_of
from benchmarks.human.tables import Table
from benchmarks.human.types import SPEECH
from benchmarks.reports.figures import ABSENT, percent
from benchmarks.text_language import script_of

SHOWN_CHARACTERS: Final = 60


def other_tables(study: Study) -> Iterator[Table]:
    """Tables without rows are left out."""
    tables = (
        _nonspeech(study),
        _invented(study),
        _between(study),
        _digits(study),
        _languages(study),
        _boundaries(study),
        _style(study),
    )
    yield from (table for table in tables if table.rows)


def _nonspeech(study: Study) -> Table:
    rows = []
    for system in study.systems:
        found = nonspeech_in(system.of("nonspeech"))
        if found.recordings:
            rows.append(
                (
                    system.name,
                    str(found.recordings),
                    f"{found.seconds / 60:.1f}",
                    str(found.with_words),
                    str(found.words),
                    f"{found.begun_with_words} of {found.begun} ({percent(found.share, 1)})",
                )
            )
    return Table(
        "Nobody speaks",
        ("System", "Clips", "Minutes", "Clips with words", "Words", "Begun minutes with words"),
        tuple(rows),
    )


def _invented(study: Study) -> Table:
    rows = []
    for system in study.systems:
        for one in system.of("nonspeech"):
            words = one.file.score.insertions
            if words and one.record.heard:
                text = one.record.heard.text[:SHOWN_CHARACTERS]
                rows.append((system.name, one.recording.item.name, text, str(words)))
    return Table("What was made up", ("System", "Clip", "Text", "Words"), tuple(rows), texts=3)


def _between(study: Study) -> Table:
    rows = []
    for system in study.systems:
        found = between_in(system.of("between"))
        if found.recordings:
            rows.append(
                (
                    system.name,
                    str(found.recordings),
                    f"{found.seconds / 60:.0f}",
                    str(found.with_words),
                    str(found.words),
                    str(found.counts.reference_length),
                    str(found.counts.deletions),
                    str(found.counts.substitutions),
                    str(found.counts.insertions),
                )
            )
    columns = "System,Recordings,Minutes between,With words there,Words there,Said around"
    return Table(
        "Speech, minutes without any, speech",
        (*columns.split(","), "Lost", "Wrong", "Added"),
        tuple(rows),
        "Sound without speech, over and over, between two readings of half a minute at most; what "
        "is added includes the words there.",
    )


def _digits(study: Study) -> Table:
    rows = []
    for system in study.systems:
        heard = system.of("digits")
        if heard:
            found = digits_in(heard)
            rows.append(
                (
                    system.name,
                    f"{found.counts.reference_length}",
                    str(found.counts.deletions),
                    str(found.counts.insertions),
                    str(found.counts.substitutions),
                    str(found.seams),
                    str(found.lost_at_seams) if found.seams else ABSENT,
                    str(found.added_at_seams) if found.seams else ABSENT,
                )
            )
    return Table(
        "Digits, one after the other",
        ("System", "Said", "Lost", "Added", "Wrong", "Seams", "Lost at seams", "Added at seams"),
        tuple(rows),
        "At a seam: within two seconds of where windows were joined.",
    )


@dataclass(frozen=True, slots=True)
class Tongue:
    """One recording in another language as one system took it; None where nothing can tell."""

    expected: str
    detected: str | None
    script_is_right: bool | None

    @classmethod
    def of(cls, heard: Heard) -> Tongue:
        found = heard.record.heard
        assert found is not None
        script = script_of(heard.recording.item.reference)
        return cls(
            heard.recording.language or "",
            found.language,
            None if script is None else script_of(found.text) == script,
        )

    @property
    def is_right(self) -> bool:
        return self.detected == self.expected


def _languages(study: Study) -> Table:
    rows = []
    languages = sorted({h.recording.language or "" for s in study.systems for h in _foreign(s)})
    for language in languages:
        for system in study.systems:
            heard = [one for one in _foreign(system) if one.recording.language == language]
            if heard:
                rows.append(_language_row(language, system, heard))
    return Table(
        "Other languages, the recogniser told nothing",
        (
            "Language",
            "System",
            "Normaliser",
            "Recordings",
            "Language right",
            "Script right",
            "Words",
            "WER",
            "CER",
        ),
        tuple(rows),
        "The first normaliser of each language; where words are not parted by blanks, each letter "
        "is a word. Recordings without a reference count for the language alone.",
        texts=3,
    )


def _foreign(system: Measured) -> list[Heard]:
    return system.of("languages")


def _language_row(language: str, system: Measured, heard: list[Heard]) -> tuple[str, ...]:
    tongues = [Tongue.of(one) for one in heard]
    scripts = [t.script_is_right for t in tongues if t.script_is_right is not None]
    scored = [one for one in heard if one.file.score.reference_length]
    evaluation = system.evaluation(scored)
    wrong = sorted({t.detected or "?" for t in tongues if not t.is_right})
    taken_for = f" (also {', '.join(wrong)})" if wrong else ""
    return (
        language,
        system.name,
        heard[0].file.score.normalizer,
        str(len(heard)),
        f"{sum(t.is_right for t in tongues)} of {len(tongues)}{taken_for}",
        f"{sum(scripts)} of {len(scripts)}" if scripts else ABSENT,
        f"{evaluation.counts.reference_length:,}",
        percent(evaluation.counts.error_rate),
        percent(evaluation.characters.error_rate),
    )


def _boundaries(study: Study) -> Table:
    rows = []
    for system in study.systems:
        found = boundaries_of(system.heard.values())
        if found.words:
            rows.append(
                (
                    system.name,
                    f"{found.words:,}",
                    _milliseconds(found.mean),
                    _milliseconds(found.median),
                    percent(found.close, 1),
                )
            )
    return Table(
        "Word times against reference times",
        ("System", "Words", "Mean error", "Median error", "Within 100 ms"),
        tuple(rows),
        "Starts and ends of words heard right. Reference times are as good as their corpus makes "
        "them: times spread evenly over a turn bound what can be reached.",
    )


def _style(study: Study) -> Table:
    rows = []
    for system in study.systems:
        found = style_of(system.of(*SPEECH, "languages"))
        if found.stretches:
            counts = (found.without_marks, found.without_capitals, found.script_changes)
            rows.append((system.name, f"{found.stretches:,}", *map(str, counts)))
    return Table(
        "Style that stays",
        ("System", "Stretches", "Without punctuation", "Without capitals", "Changes of script"),
        tuple(rows),
        "Every thirty seconds with twenty words or more, of English and of other languages.",
    )


def _milliseconds(seconds: float | None) -> str:
    return ABSENT if seconds is None else f"{1000 * seconds:.0f} ms"
