"""`benchmarks seams`: what joining windows costs, on recordings whose words have times."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import JsonFile, explained, fail, note, save, show
from benchmarks.cli.run import RUNS, measure
from benchmarks.datasets.types import LoadOptions
from benchmarks.evaluation import evaluate
from benchmarks.normalizers import default_normalizers
from benchmarks.peers.types import PeerSpec
from benchmarks.reports import figures
from benchmarks.seams import Case, SeamReport, both_phases, report_on, shifted
from transcription.models import DEMO_LIMITS, DEMO_MODEL

GATE = 0.02
COLUMNS = (
    "Seams",
    "WER, either grid",
    "Error rate at seams",
    "Inside windows",
    "Errors more for one seam (95 %)",
    "Said twice",
    "Lost runs",
    "McNemar (words)",
)


def seams(  # noqa: PLR0913  # a command's options are its arguments
    dataset: choose.DatasetName = "demo",
    model: choose.Model = DEMO_MODEL,
    device: choose.Device = "cpu",
    precision: choose.Precision = "auto",
    beam: choose.Beam = 5,
    threads: choose.Threads = None,
    root: choose.Root = None,
    data: choose.DataFolder = choose.DATA,
    subset: choose.Subset = None,
    limit: choose.Limit = None,
    overlap: Annotated[
        float | None, typer.Option(help="Seconds that windows share, if not the default.")
    ] = None,
    out: choose.RunFolder = None,
    json: JsonFile = None,
) -> None:
    """Prove the seams: every word once at a seam and once inside a window.

    Transcribes each recording twice, the second time 12.5 s later in its windows. Silence is not
    skipped, for the grid would begin anew behind it; words made up in it are dropped as always.
    Needs word times: `demo`, `ami`, `earnings22`, or your own with .ctm, .TextGrid or .json. The
    goal is an upper end below 0.02 errors more for one seam. Every run of words lost, and every
    word said twice, is listed with its place.
    """
    with explained():
        options = LoadOptions(subset=subset)
        items = choose.choose_items(dataset, root, data, options, limit)
        timed = [item for item in items if item.words]
        if not timed:
            fail(f"no recording of {dataset} has word times; seams cannot be placed without")
        if len(timed) < len(items):
            note(f"{len(items) - len(timed)} recordings without word times are left out")
        if model == DEMO_MODEL:
            note(DEMO_LIMITS)
        folder = out or RUNS / f"seams-{dataset}-{model.replace('/', '-')}"
        spec = PeerSpec(
            model=model,
            precision=precision,
            beam_size=beam,
            threads=threads,
            skip_silence=False,
            overlap=overlap,
        )
        both = [item for one in timed for item in (one, shifted(one, folder / "sound"))]
        run = measure(dataset, both, [spec], folder, device.split(","), ())
        evaluation = evaluate(run.systems[0], default_normalizers(timed[0].language)[0])
    pairs = both_phases(evaluation, timed)
    report = report_on(pairs)
    show(f"Seams of {dataset}, normaliser {evaluation.normalizer}", COLUMNS, [row(report)])
    if report.cases:
        show("Lost runs and words said twice", CASE_COLUMNS, map(case_row, report.cases))
    note(verdict(report))
    save(
        json,
        {**asdict(report), "recordings": len(pairs), "settings": dict(run.systems[0].settings)},
    )


CASE_COLUMNS = ("Recording", "What", "Second", "From a seam", "Other grid", "Words")


def case_row(case: Case) -> tuple[str, ...]:
    return (
        case.recording,
        "lost" if case.kind == "lost" else "said twice",
        figures.ABSENT if case.time is None else f"{case.time:.1f}",
        figures.ABSENT if case.seam_distance is None else f"{case.seam_distance:.1f} s",
        "wrong too" if case.is_elsewhere else "right",
        case.words,
    )


def row(report: SeamReport) -> tuple[str, ...]:
    return (
        str(report.seams),
        " / ".join(map(figures.percent, report.rates)) if report.rates else figures.ABSENT,
        figures.percent(report.rate_in),
        figures.percent(report.rate_out),
        figures.errors_more(report.excess),
        str(report.duplicates),
        str(report.lost_runs),
        figures.significance(report.mcnemar),
    )


def verdict(report: SeamReport) -> str:
    """One sentence."""
    if report.excess is None:
        return "no seam was measured"
    if report.excess.high <= GATE:
        return f"seams cost no words: the interval ends below {GATE} errors for one seam"
    if report.excess.low > 0:
        return "seams cost words: the interval lies above zero"
    return f"not settled: the interval reaches above {GATE}; measure more recordings"
