"""How much the joining of windows costs, without a model: `python -m benchmarks merge`.

Every way of joining gets exactly the same misheard windows. The floor is one endless window with
the same mistakes; the excess over it, per seam, is what windows cost. It says nothing about how
well any recogniser hears.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from rapidfuzz.distance import Levenshtein

from benchmarks.simulated_recogniser import (
    REGIMES,
    Regime,
    SimulatedRecogniser,
    SpokenWord,
    read_words,
    speak,
)
from chunking.merging.merger import merge
from chunking.options import MergeOptions, WindowOptions
from chunking.spans import clip
from chunking.text.word_keys import key
from chunking.types import Piece, Span, Word
from chunking.windows import plan_windows

RECORDING_SECONDS = 1200.0
ZONE = 2.0
"""The seam zone is what two windows share and this many seconds on either side."""
LOST_RUN = 3
BOOTSTRAP_DRAWS = 1000

Joiner = Callable[[Sequence[Piece], float], list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """One way of joining under one noise regime; counts are pooled over all recordings.

    `excess_per_seam` is (errors - floor's errors) / seams with its 95 % interval over recordings,
    `zone_excess_per_seam` the same inside the seam zones alone.
    """

    regime: str
    overlap: float
    method: str
    words: int
    errors: int
    seams: int
    wer: float
    excess_per_seam: float
    excess_interval: tuple[float, float]
    zone_excess_per_seam: float
    lost_runs: int


@dataclass(frozen=True, slots=True)
class Report:
    """All rows of one simulation and what produced them."""

    seed: int
    hours: float
    source: str
    rows: tuple[Row, ...] = field(default=())

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    def to_text(self) -> str:
        """The same figures as a Markdown table."""
        lines = [
            f"Simulated windows: {self.hours:.2f} h of {self.source}, seed {self.seed}.",
            "",
            "| regime | overlap s | joined by | WER % | excess errors/seam (95 %)"
            " | seam-zone excess | lost runs | seams |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.regime} | {row.overlap:g} | {row.method} | {row.wer:.2f}"
            f" | {row.excess_per_seam:+.3f} ({row.excess_interval[0]:+.3f}"
            f" to {row.excess_interval[1]:+.3f})"
            f" | {row.zone_excess_per_seam:+.3f} | {row.lost_runs} | {row.seams} |"
            for row in self.rows
        ]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class _Count:
    """Errors of one recording."""

    words: int
    errors: int
    zone_errors: int
    lost_runs: int
    seams: int


def simulate(
    recordings: Sequence[Sequence[SpokenWord]],
    *,
    regimes: Sequence[Regime] = REGIMES,
    overlaps: Sequence[float] = (WindowOptions().overlap,),
    seed: int = 0,
    source: str = "made-up speech",
) -> Report:
    """Hear every recording under every regime and join its windows in every way."""
    rows: list[Row] = []
    for regime in regimes:
        recognisers = [
            SimulatedRecogniser(words, regime, seed + n) for n, words in enumerate(recordings)
        ]
        for overlap in overlaps:
            rows += _compare(recordings, recognisers, regime, overlap)
    seconds = sum(words[-1].end for words in recordings if words)
    return Report(seed, seconds / 3600, source, tuple(rows))


def _compare(
    recordings: Sequence[Sequence[SpokenWord]],
    recognisers: Sequence[SimulatedRecogniser],
    regime: Regime,
    overlap: float,
) -> list[Row]:
    counts: dict[str, list[_Count]] = {}
    for words, recogniser in zip(recordings, recognisers, strict=True):
        if not words:
            continue
        duration = words[-1].end + 0.5
        everywhere = (Span(0.0, duration),)
        windows = plan_windows(everywhere, duration, WindowOptions(overlap=overlap))
        pieces = [recogniser.recognise(window) for window in windows]
        zones = [Span(b.start - ZONE, a.end + ZONE) for a, b in pairwise(windows)]
        texts = {"no windows (floor)": recogniser.recognise_all(windows)}
        texts |= {name: join(pieces, duration) for name, join in joiners(recogniser).items()}
        for name, text in texts.items():
            counts.setdefault(name, []).append(_score(words, text, zones))
    floor = counts["no windows (floor)"]
    return [_to_row(regime, overlap, name, found, floor) for name, found in counts.items()]


def joiners(recogniser: SimulatedRecogniser) -> dict[str, Joiner]:
    """The ways of joining windows that are compared."""
    return {
        "anchored seam merge": lambda pieces, duration: _texts(_anchored(pieces, duration)),
        "anchored, repaired": lambda pieces, duration: _texts(
            _repaired(pieces, duration, recogniser)
        ),
        "cut at the middle": lambda pieces, _: join_at_middle(pieces),
        "suffix match": lambda pieces, _: join_by_suffix(pieces),
    }


def _texts(words: Sequence[Word]) -> list[str]:
    return [word.text.strip() for word in words]


def _anchored(pieces: Sequence[Piece], duration: float) -> Sequence[Word]:
    return merge(pieces, MergeOptions(repair_rounds=0), duration=duration).words


def _repaired(
    pieces: Sequence[Piece], duration: float, recogniser: SimulatedRecogniser
) -> Sequence[Word]:
    options = MergeOptions()
    for _ in range(options.repair_rounds):
        wanted = merge(pieces, options, duration=duration).requests
        pieces = [*pieces, *(recogniser.recognise(request.window) for request in wanted)]
    return merge(pieces, options, duration=duration).words


def join_at_middle(pieces: Sequence[Piece]) -> list[str]:
    """Each word belongs to the side of the overlap's middle on which its own middle lies."""
    cuts = [(left.window.end + right.window.start) / 2 for left, right in pairwise(pieces)]
    starts = [float("-inf"), *cuts]
    ends = [*cuts, float("inf")]
    return [
        word.text.strip()
        for piece, start, end in zip(pieces, starts, ends, strict=True)
        for word in piece.words
        if start <= (word.start + word.end) / 2 < end
    ]


def join_by_suffix(pieces: Sequence[Piece]) -> list[str]:
    """Drop the longest start of a window that equals the end of the text before it."""
    joined: list[str] = []
    for piece in pieces:
        following = _texts(piece.words)
        longest = min(len(joined), len(following))
        size = next((n for n in range(longest, 0, -1) if joined[-n:] == following[:n]), 0)
        joined += following[size:]
    return joined


def _score(words: Sequence[SpokenWord], recognised: Sequence[str], zones: Sequence[Span]) -> _Count:
    reference = [key(word.text) for word in words]
    hypothesis = [key(text) for text in recognised]
    near = [bool(clip(zones, Span(word.start, word.end))) for word in words]
    errors = zone_errors = lost_runs = run = 0
    last_deleted = -2
    for edit in Levenshtein.editops(reference, hypothesis):
        errors += 1
        place = min(edit.src_pos, len(words) - 1)
        zone_errors += near[place]
        if edit.tag == "delete":
            run = run + 1 if edit.src_pos == last_deleted + 1 else 1
            last_deleted = edit.src_pos
            lost_runs += run == LOST_RUN
    return _Count(len(words), errors, zone_errors, lost_runs, len(zones))


def _to_row(
    regime: Regime,
    overlap: float,
    method: str,
    found: Sequence[_Count],
    floor: Sequence[_Count],
) -> Row:
    words = sum(count.words for count in found)
    errors = sum(count.errors for count in found)
    seams = sum(count.seams for count in found)
    pairs = list(zip(found, floor, strict=True))
    zone = sum(a.zone_errors - b.zone_errors for a, b in pairs)
    return Row(
        regime=regime.name,
        overlap=overlap,
        method=method,
        words=words,
        errors=errors,
        seams=seams,
        wer=100.0 * errors / words,
        excess_per_seam=_excess(pairs),
        excess_interval=_interval(pairs),
        zone_excess_per_seam=zone / max(seams, 1),
        lost_runs=sum(count.lost_runs for count in found),
    )


def _excess(pairs: Sequence[tuple[_Count, _Count]]) -> float:
    return sum(a.errors - b.errors for a, b in pairs) / max(sum(a.seams for a, _ in pairs), 1)


def _interval(pairs: Sequence[tuple[_Count, _Count]]) -> tuple[float, float]:
    """95 % of bootstrap draws over recordings."""
    dice = random.Random(0)
    draws = sorted(_excess(dice.choices(pairs, k=len(pairs))) for _ in range(BOOTSTRAP_DRAWS))
    return draws[int(0.025 * len(draws))], draws[int(0.975 * len(draws))]


def command(
    hours: Annotated[float, typer.Option(help="Hours of made-up speech.")] = 2.0,
    overlap: Annotated[list[float] | None, typer.Option(help="Seconds; may be repeated.")] = None,
    words: Annotated[
        list[Path] | None,
        typer.Option(help="Words with times of a real recording: JSON lines of text, start, end."),
    ] = None,
    repeats: Annotated[bool, typer.Option(help="Twelve times the same word, again and again.")] = (
        False
    ),
    seed: Annotated[int, typer.Option(help="Of speech and mistakes.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = (
        None
    ),
) -> None:
    """Simulate windows on known words: our merge against a middle cut and no windows at all."""
    if words:
        recordings, source = [read_words(path) for path in words], ", ".join(p.name for p in words)
    else:
        count = max(round(hours * 3600 / RECORDING_SECONDS), 1)
        stress = 75 if repeats else None
        recordings = [
            speak(hours * 3600 / count, seed + n, repeat_every=stress) for n in range(count)
        ]
        source = "made-up speech with repeated words" if repeats else "made-up speech"
    overlaps = overlap or (WindowOptions().overlap,)
    report = simulate(recordings, overlaps=overlaps, seed=seed, source=source)
    if json_file is not None:
        json_file.write_text(report.to_json(), encoding="utf-8")
    typer.echo(report.to_text())


def main(argv: Sequence[str] | None = None) -> None:
    """`command` as a program of its own."""
    app = typer.Typer(add_completion=False)
    app.command()(command)
    app(args=argv)
