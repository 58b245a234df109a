"""What a study says, as tables: accuracy, losses, holes, work, seconds. Computes no alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.human.losses import Holes, counted_runs, holes_in, is_heard_by, said_twice
from benchmarks.human.study import Heard, Measured, Study, by_digits, compared
from benchmarks.human.types import SPEECH
from benchmarks.peers.registry import OURS_SEQUENTIAL
from benchmarks.peers.types import Account
from benchmarks.reports.figures import ABSENT, clock, difference, percent


@dataclass(frozen=True, slots=True)
class Table:
    """`texts`: so many of the first columns are text; `note` stands below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    texts: int = 1


GROUPS: Final = ("all", *SPEECH)


def speech_tables(study: Study) -> Iterator[Table]:
    """The tables on English speech."""
    yield _accuracy(study)
    yield _losses(study)
    yield _cases(study)
    yield _twice(study)
    yield _holes(study)
    yield _work(study)
    yield _seconds(study)


def chosen(measured: Measured, group: str) -> list[Heard]:
    """Long recordings of speech of one kind, or all of them."""
    return [one for one in measured.speech if group in ("all", one.recording.kind)]


def _accuracy(study: Study) -> Table:
    rows = []
    for group in GROUPS:
        for system in study.systems:
            heard = chosen(system, group)
            if heard:
                rows.append(_accuracy_row(study, system, group, heard))
    return Table(
        "Long recordings of English speech",
        (
            *("Kind", "System", "Recordings", "Words", "WER", "Sub", "Del", "Ins"),
            *("Ours less (95 %)", "WER, each digit a word"),
        ),
        tuple(rows),
        "Pooled; normaliser openai-english. Ours less is our rate less the system's in points on "
        "the recordings that both have heard, with its paired bootstrap interval over blocks of a "
        "minute; below zero ours is better. openai-english joins spelt digits and leaves written "
        "ones apart, so that one telephone number heard right may be ten errors; the last column "
        "is by openai-english-digits, which counts each digit as a word.",
        texts=2,
    )


def _accuracy_row(
    study: Study, system: Measured, group: str, heard: Sequence[Heard]
) -> tuple[str, ...]:
    counts = system.evaluation(heard).counts
    found = None
    if system is not study.ours:
        found = compared(study, system, lambda measured: chosen(measured, group))
    return (
        group,
        system.name,
        str(len(heard)),
        f"{counts.reference_length:,}",
        percent(counts.error_rate),
        f"{counts.substitutions:,}",
        f"{counts.deletions:,}",
        f"{counts.insertions:,}",
        ABSENT if found is None else difference(found.comparison),
        percent(by_digits(heard).error_rate),
    )


def _losses(study: Study) -> Table:
    rows = []
    for system in study.systems:
        heard = chosen(system, "all")
        twice = [case for one in heard for case in said_twice(one)]
        rows.append(
            (
                system.name,
                str(len(heard)),
                str(sum(len(counted_runs(one)) for one in heard)),
                _one_sided(study.ours, system),
                _one_sided(system, study.ours),
                str(len(twice)),
                str(sum(len(one.words.split()) > 1 for one in twice)),
            )
        )
    return Table(
        "Lost in a row, said twice",
        (
            "System",
            "Recordings",
            "Lost runs",
            "We lost, it heard",
            "It lost, we heard",
            "Said twice",
            "of these two words or more",
        ),
        tuple(rows),
        "A lost run is three words or more without one heard; it is heard by the other when half "
        "of its words or more are right there.",
    )


def _one_sided(loser: Measured, other: Measured) -> str:
    """Runs that `loser` lost and `other` heard, on what both have finished."""
    if loser is other:
        return ABSENT
    return str(
        sum(
            is_heard_by(run, other.heard[one.recording.item.name])
            for one in chosen(loser, "all")
            if one.recording.item.name in other.heard
            for run in counted_runs(one)
        )
    )


def _cases(study: Study) -> Table:
    """Every run that ours lost, to be looked at one by one."""
    rows = []
    for one in chosen(study.ours, "all"):
        name = one.recording.item.name
        for run in counted_runs(one):
            hearers = [
                system.name
                for system in study.systems[1:]
                if name in system.heard and is_heard_by(run, system.heard[name])
            ]
            where = f"{clock(run.where.start)} to {clock(run.where.end)}"
            rows.append((name, where, run.words[:80], ", ".join(hearers) or "nobody"))
    note = (
        "When the corpus says that they were said, else between the words around that were heard, "
        "or about there where these leave no room."
    )
    columns = "Recording", "Where", "Words", "Heard by"
    return Table("What we lost", columns, tuple(rows), note, texts=4)


def _twice(study: Study) -> Table:
    """Every word that ours has once more than the reference, beside itself."""
    rows = tuple(
        (
            one.recording.item.name,
            ABSENT if case.time is None else clock(case.time),
            case.words[:80],
            ABSENT if case.from_seam is None else f"{case.from_seam:.1f} s",
        )
        for one in chosen(study.ours, "all")
        for case in said_twice(one)
    )
    return Table(
        "What we said twice",
        ("Recording", "Where", "Words", "From a seam"),
        rows,
        "Inserted words that repeat what stands beside them. Far from seams one window wrote them: "
        "its own repetition, or the speaker's that the reference leaves out.",
        texts=3,
    )


def _holes(study: Study) -> Table:
    rows = []
    for group in GROUPS:
        found = [holes_in(one) for one in chosen(study.ours, group)]
        total = sum((holes for holes in found if holes is not None), Holes())
        if total.minutes:
            rows.append(
                (
                    group,
                    f"{total.minutes:.1f}",
                    str(total.lost),
                    f"{total.named} ({percent(total.recall, 0)})",
                    str(total.reported),
                    str(total.false),
                    _number(total.false_in_ten_minutes),
                )
            )
    return Table(
        "Holes that our report names",
        ("Kind", "Minutes", "Lost runs", "Named", "Stretches named", "False", "False in 10 min"),
        tuple(rows),
        "A stretch is false when no word at all was lost within half a second of it.",
    )


def _work(study: Study) -> Table:
    sequential = next((s for s in study.systems if s.name == OURS_SEQUENTIAL), None)
    rows = []
    for group in (*GROUPS, "nonspeech"):
        heard = study.ours.of("nonspeech") if group == "nonspeech" else chosen(study.ours, group)
        with_account = [(one, _account(one)) for one in heard]
        known = [(one, account) for one, account in with_account if account is not None]
        if known:
            rows.append(_work_row(group, known, sequential))
    return Table(
        "Windows",
        (
            "Kind",
            "Minutes",
            "Planned",
            "Repairs",
            "of these used",
            "Words they brought",
            "Windows a minute",
            "Sequential's",
            "Ours for one of them",
        ),
        tuple(rows),
        "A repair is used when a word of it stands in the transcript. Sequential: our engine, each "
        "window from where the last stopped writing; compared where both have finished.",
    )


def _account(heard: Heard) -> Account | None:
    return heard.record.heard.account if heard.record.heard else None


def _work_row(
    group: str, known: Sequence[tuple[Heard, Account]], sequential: Measured | None
) -> tuple[str, ...]:
    minutes = sum(one.record.duration for one, _ in known) / 60
    planned = sum(account.planned for _, account in known)
    repairs = sum(account.repairs for _, account in known)
    theirs = {
        name: one.record.heard.windows or 0
        for name, one in (sequential.heard if sequential else {}).items()
        if one.record.heard is not None
    }
    shared = [(o, a) for o, a in known if o.recording.item.name in theirs]
    needed = sum(theirs[one.recording.item.name] for one, _ in shared)
    own = sum(account.planned + account.repairs for _, account in shared)
    shared_minutes = sum(one.record.duration for one, _ in shared) / 60
    return (
        group,
        f"{minutes:.1f}",
        str(planned),
        f"{repairs} ({percent(repairs / max(planned + repairs, 1), 0)})",
        str(sum(account.repairs_used for _, account in known)),
        str(sum(account.repaired_words for _, account in known)),
        _number((planned + repairs) / minutes if minutes else None),
        _number(needed / shared_minutes if shared_minutes else None),
        _number(own / needed if needed else None),
    )


STAGES: Final = ("decode", "detectors", "windows", "merge")


def _seconds(study: Study) -> Table:
    rows = []
    for system in study.systems:
        heard = chosen(system, "all")
        minutes = sum(one.record.duration for one in heard) / 60
        if not minutes:
            continue
        accounts = [account for one in heard if (account := _account(one)) is not None]
        stages = [
            _number(sum(a.cpu_seconds.get(stage, 0.0) for a in accounts) / minutes)
            if accounts
            else ABSENT
            for stage in STAGES
        ]
        rows.append(
            (
                system.name,
                f"{minutes:.1f}",
                _number(sum(one.record.seconds for one in heard) / minutes),
                _number(sum(one.record.cpu_seconds for one in heard) / minutes),
                *stages,
            )
        )
    return Table(
        "Seconds for a minute of sound",
        ("System", "Minutes", "Elapsed", "CPU", "of it: decode", "detectors", "windows", "merge"),
        tuple(rows),
        "Elapsed seconds are those of a machine that may have had other work; CPU seconds are of "
        "all threads and of ffmpeg.",
    )


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"
