"""The report as one HTML page: tables, plots and every error in its place. Loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from benchmarks import charts
from benchmarks.alignment import Operation
from benchmarks.evaluation import FileEvaluation, SystemEvaluation
from benchmarks.normalizers import NORMALIZERS
from benchmarks.reports import figures
from benchmarks.reports.types import Assessment
from benchmarks.statistics import BLOCK_SECONDS
from benchmarks.symptoms import Bin

SHOWN_OPEN = 6  # alignments that are open without a click
CONTEXT_WORDS = 12  # shown on each side of an error
SHOWN_SEAM_SECONDS = 12.0  # where the last, open bin of seam distances is drawn


@dataclass(frozen=True, slots=True)
class Stretch:
    """Columns of an alignment with the same operation, in a row; `second` of the first."""

    operation: Operation
    reference: str
    hypothesis: str
    second: float | None

    @property
    def clock(self) -> str:
        return figures.clock(self.second)


def stretches(file: FileEvaluation) -> Iterator[Stretch]:
    """The alignment of one recording as runs of hits and of errors of one kind."""
    columns = zip(file.score.alignment, file.times, strict=True)
    for operation, run in groupby(columns, key=lambda column: column[0].operation):
        pairs = list(run)
        if operation == "substitution":
            for pair, second in pairs:
                yield Stretch(operation, pair.reference or "", pair.hypothesis or "", second)
            continue
        yield Stretch(
            operation,
            " ".join(pair.reference or "" for pair, _ in pairs).strip(),
            " ".join(pair.hypothesis or "" for pair, _ in pairs).strip(),
            pairs[0][1],
        )


def shortened(hits: str) -> tuple[str, int, str]:
    """Words heard right: those after an error, how many are left out, those before the next."""
    words = hits.split()
    hidden = len(words) - 2 * CONTEXT_WORDS
    if hidden < CONTEXT_WORDS:
        return hits, 0, ""
    return " ".join(words[:CONTEXT_WORDS]), hidden, " ".join(words[-CONTEXT_WORDS:])


def render_html(assessment: Assessment) -> str:
    """One page without external resources; every text from outside is escaped."""
    environment = Environment(
        loader=PackageLoader("benchmarks.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    first = assessment.evaluations[0]
    return environment.get_template("report.html").render(
        run=assessment.run,
        assessment=assessment,
        figures=figures,
        normalizers=NORMALIZERS,
        sections=list(zip(assessment.normalizers, assessment.evaluations, strict=True)),
        first=first,
        stretches=stretches,
        shortened=shortened,
        is_short=sum(len(evaluation.files) for evaluation in first) <= SHOWN_OPEN,
        block_seconds=f"{BLOCK_SECONDS:g}",
        rows_of=map,
        accuracy_plot=_accuracy_plot(first),
        drift_plot=_drift_plot(first),
        seam_plot=_seam_plot(first),
        file_plot=_file_plot(first),
    )


def _accuracy_plot(evaluations: tuple[SystemEvaluation, ...]) -> Markup:
    rows: list[charts.Bar] = []
    for evaluation in evaluations:
        rate, interval = evaluation.counts.error_rate, evaluation.interval
        if rate is not None:
            low, high = (interval.low, interval.high) if interval else (None, None)
            name, text = evaluation.system.name, figures.percent(rate)
            colour = charts.COLOURS[len(rows) % len(charts.COLOURS)]
            rows.append(charts.Bar(name, rate, text, low, high, colour))
    return charts.bars({"": rows}, "Word error rate with 95 % interval")


def _rates(bins: tuple[Bin, ...], scale: float, last: float) -> tuple[charts.Point, ...]:
    return tuple(
        charts.Point(
            (b.start + min(b.end, last)) / 2 / scale,
            b.errors / b.words,
            f"{b.errors} errors in {b.words} words",
        )
        for b in bins
        if b.words
    )


def _drift_plot(evaluations: tuple[SystemEvaluation, ...]) -> Markup:
    rows = [
        charts.Line(e.system.name, _rates(e.per_minute, 60.0, float("inf"))) for e in evaluations
    ]
    return charts.lines(
        [row for row in rows if len(row.points) > 1],
        "Errors by minute of the recording",
        "minute of the recording",
        "errors per word",
    )


def _seam_plot(evaluations: tuple[SystemEvaluation, ...]) -> Markup:
    rows = [
        charts.Line(e.system.name, _rates(e.by_seam_distance, 1.0, SHOWN_SEAM_SECONDS))
        for e in evaluations
        if e.by_seam_distance
    ]
    return charts.lines(
        [row for row in rows if len(row.points) > 1],
        "Errors by distance from the nearest seam",
        "seconds from the nearest seam",
        "errors per word",
    )


def _file_plot(evaluations: tuple[SystemEvaluation, ...]) -> Markup:
    """Rate of each recording, recordings in the data set's order."""
    rows = []
    for evaluation in evaluations:
        points = tuple(
            charts.Point(n, rate, f"{file.record.item.name}, {figures.percent(rate)}")
            for n, file in enumerate(evaluation.files, start=1)
            if (rate := file.score.wer) is not None
        )
        rows.append(charts.Line(evaluation.system.name, points))
    return charts.lines(
        [row for row in rows if len(row.points) > 1],
        "Word error rate of each recording",
        "recording",
        "word error rate",
    )
