"""`benchmarks score` and `benchmarks compare`: figures without decoding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import JsonFile, explained, fail, note, save, show
from benchmarks.cli.run import show_assessment
from benchmarks.evaluation import duel, evaluate
from benchmarks.formats.nlp import parse_nlp, plain_text
from benchmarks.formats.stm import parse_ctm, parse_stm, parse_trn, scored
from benchmarks.formats.subtitles import parse_subtitles
from benchmarks.formats.tables import parse_rows, read_text
from benchmarks.formats.types import FormatError, reading
from benchmarks.markup import SynonymRules
from benchmarks.normalizers import default_normalizers, normalizer_named, warning_for
from benchmarks.records import read_run
from benchmarks.reports import figures
from benchmarks.reports.assessment import assess, to_json, write_report
from benchmarks.scoring import (
    Score,
    ScoringOptions,
    pool,
    pool_characters,
    score_with,
)
from benchmarks.text_language import guess_language

PAIR_COLUMNS = ("Normaliser", "WER", "Words", "Sub", "Del", "Ins", "CER", "WIL")


def score(  # noqa: PLR0913  # a command's options are its arguments
    reference: Annotated[
        Path,
        typer.Argument(
            help="report.json of a run, or a reference: .txt, .srt, .vtt, .nlp, and with names of "
            "utterances or recordings .trn, .stm, .ctm or .tsv (name, text)."
        ),
    ],
    hypothesis: Annotated[
        Path | None, typer.Argument(help="What was heard, in any of these formats.")
    ] = None,
    normalizer: Annotated[
        list[str] | None,
        typer.Option("--normalizer", "-n", help=f"{choose.NORMALIZER_NAMES}; repeatable."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Chooses the normaliser; guessed from the reference if not told."),
    ] = None,
    choices: Annotated[
        bool, typer.Option("--choices", help="The reference holds { a / b }; @ is nothing.")
    ] = False,
    synonyms: Annotated[
        Path | None, typer.Option(help="Synonym rules, `left | right ; right` a line.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for a new report.")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Score a finished run again, or a text against its reference. Decodes nothing.

    Texts are paired by name where their files have names, as in the last two of these:

    - `benchmarks score report.json -n none -n openai-english`
    - `benchmarks score said.txt heard.txt --language hi`
    - `benchmarks score ref.trn hyp.trn -n none --choices`
    - `benchmarks score calls.stm calls.ctm`
    """
    with explained():
        if hypothesis is None:
            assessment = assess(read_run(reference), normalizer or ())
            show_assessment(assessment)
            if out is not None:
                write_report(assessment, out)
            save(json, to_json(assessment))
            return
        rules = SynonymRules.parse(read_text(synonyms)) if synonyms else None
        pairs = read_pairs(reference, hypothesis)
        names = normalizer or list(default_normalizers(language or _language_of(pairs)))
        scores = {
            name: [score_with(a, b, ScoringOptions(name, choices, rules)) for a, b in pairs]
            for name in names
        }
    show(str(hypothesis), PAIR_COLUMNS, [_row(name, found) for name, found in scores.items()])
    for name in scores:
        warning = warning_for(normalizer_named(name), " ".join(a for a, _ in pairs))
        if warning:
            note(f"Warning: {warning}")
    save(json, [_figures(name, found) for name, found in scores.items()])


def _language_of(pairs: list[tuple[str, str]]) -> str:
    """What the references are in, said aloud where it is not English."""
    found = guess_language(" ".join(said for said, _ in pairs)) or "en"
    if found != "en":
        note(f"the reference looks like {found}; --language says otherwise")
    return found


def read_pairs(reference: Path, hypothesis: Path) -> list[tuple[str, str]]:
    """Texts by name; a file with one text is paired with another such file whatever their names.

    Raises FormatError when a name stands in one file only.
    """
    said, heard = _texts(reference), _texts(hypothesis)
    if len(said) == len(heard) == 1:
        return list(zip(said.values(), heard.values(), strict=True))
    if missing := said.keys() ^ heard.keys():
        names = ", ".join(sorted(missing)[:5])
        raise FormatError(f"{len(missing)} utterances stand in one file only: {names}")
    return [(said[name], heard[name]) for name in said]


def _texts(path: Path) -> dict[str, str]:
    try:
        text = read_text(path)
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error}") from error
    with reading(path):
        return _READERS.get(path.suffix.lower(), _one_text)(text)


def _one_text(text: str) -> dict[str, str]:
    return {"": text}


def _rows(text: str) -> dict[str, str]:
    return {row[0]: row[1] if len(row) > 1 else "" for row in parse_rows(text)}


def _stm(text: str) -> dict[str, str]:
    """Segments of a recording in file order, without those that are not scored."""
    texts: dict[str, list[str]] = defaultdict(list)
    for utterance in scored(parse_stm(text)):
        texts[utterance.recording].append(utterance.text)
    return {name: " ".join(parts) for name, parts in texts.items()}


def _ctm(text: str) -> dict[str, str]:
    return {name: " ".join(w.text for w in words) for name, words in parse_ctm(text).items()}


_READERS: Final[dict[str, Callable[[str], dict[str, str]]]] = {
    ".trn": parse_trn,
    ".tsv": _rows,
    ".stm": _stm,
    ".ctm": _ctm,
    ".srt": lambda text: {"": " ".join(cue.text for cue in parse_subtitles(text))},
    ".vtt": lambda text: {"": " ".join(cue.text for cue in parse_subtitles(text))},
    ".nlp": lambda text: {"": plain_text(parse_nlp(text))},
}


def _row(name: str, scores: list[Score]) -> tuple[str, ...]:
    counts = pool(scores)
    return (
        name,
        figures.percent(counts.error_rate),
        f"{counts.reference_length:,}",
        f"{counts.substitutions:,}",
        f"{counts.deletions:,}",
        f"{counts.insertions:,}",
        figures.percent(pool_characters(scores).error_rate),
        figures.percent(counts.information_lost),
    )


def _figures(name: str, scores: list[Score]) -> dict[str, object]:
    counts = pool(scores)
    return {
        "normalizer": name,
        "wer": counts.error_rate,
        "cer": pool_characters(scores).error_rate,
        "reference_words": counts.reference_length,
        **asdict(counts),
    }


def compare(
    first: Annotated[Path, typer.Argument(help="report.json of a run.")],
    second: Annotated[
        Path | None, typer.Argument(help="Another one; without it, systems of the first.")
    ] = None,
    normalizer: Annotated[
        str | None, typer.Option("--normalizer", "-n", help="As the first run's if not given.")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Compare systems on the same words: interval of the difference, p of improvement, MAPSSWE.

    With two reports the first system of each is compared; a negative difference means that the
    second is better.
    """
    with explained():
        run = read_run(first)
        name = normalizer or run.normalizers[0]
        base = evaluate(run.systems[0], name)
        others = run.systems[1:] if second is None else read_run(second).systems[:1]
        if not others:
            fail(f"{first} holds one system only; give another report to compare it with")
        duels = [duel(base, evaluate(other, name)) for other in others]
        if second is not None:  # the same system in two runs needs its run's name
            duels = [
                replace(d, first=f"{d.first} in {first}", second=f"{d.second} in {second}")
                for d in duels
            ]
    show(f"Compared, normaliser {name}", figures.DUEL_COLUMNS, map(figures.duel_row, duels))
    save(json, [asdict(d) for d in duels])
