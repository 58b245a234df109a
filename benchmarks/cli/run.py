"""`benchmarks run`: recordings through recognisers, one report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import (
    Bars,
    JsonFile,
    aside,
    command_line,
    explained,
    note,
    save,
    screen,
    show,
)
from benchmarks.datasets.types import LoadOptions
from benchmarks.items import Item
from benchmarks.machine import describe_machine
from benchmarks.normalizers import normalizer_named, normalizers_for
from benchmarks.peers.types import PeerSpec
from benchmarks.records import RunRecord, SystemRecord
from benchmarks.reports import figures
from benchmarks.reports.assessment import assess, to_json, write_report
from benchmarks.reports.types import Assessment
from benchmarks.runner import Runner
from transcription.models import DEMO_LIMITS, DEMO_MODEL

RUNS = Path("data/benchmarks/runs")


def run(  # noqa: PLR0913  # a command's options are its arguments
    dataset: choose.DatasetName = "demo",
    peer: choose.Peers = None,
    model: choose.Model = DEMO_MODEL,
    device: choose.Device = "cpu",
    precision: choose.Precision = "auto",
    beam: choose.Beam = 5,
    batch: choose.Batch = 8,
    threads: choose.Threads = None,
    previous_text: choose.PreviousText = True,
    normalizer: choose.Normalizers = None,
    root: choose.Root = None,
    data: choose.DataFolder = choose.DATA,
    split: choose.Split = "test",
    language: choose.Language = None,
    subset: choose.Subset = None,
    clips: choose.Clips = 0,
    gap: choose.Gap = 0.0,
    trim_silence: choose.Trim = False,
    shuffle: choose.Shuffle = None,
    norm: choose.UseNorm = False,
    limit: choose.Limit = None,
    ours: choose.Ours = True,
    out: choose.RunFolder = None,
    api_key: choose.ApiKey = None,
    json: JsonFile = None,
) -> None:
    """Measure word error rates of recognisers on a data set.

    Every recording is written down as it is finished: the same command goes on where it stopped.
    The report (JSON, Markdown and one HTML page with every error) names normaliser, versions,
    settings and machine.

        benchmarks run                                              the shipped recording
        benchmarks run -d earnings21 --subset eval10 -m turbo --device cuda:0
        benchmarks run -d folder --root ~/calls -m turbo -p openai-whisper -p faster-whisper-batched
        benchmarks run -d fleurs --language hi_in --clips 50 -m large-v3
    """
    options = LoadOptions(split, language, subset, clips, gap, trim_silence, shuffle, norm)
    spec = PeerSpec(
        model=model,
        precision=precision,
        beam_size=beam,
        batch_size=batch,
        threads=threads,
        previous_text=previous_text,
        api_key=api_key,
    )
    with explained():
        for name in normalizer or ():
            normalizer_named(name)
        items = choose.choose_items(dataset, root, data, options, limit)
        systems = choose.choose_systems(peer or (), spec, ours)
        folder = out or RUNS / f"{dataset}-{model.replace('/', '-')}"
        if model == DEMO_MODEL:
            note(DEMO_LIMITS)
        record = measure(dataset, items, systems, folder, device.split(","), normalizer or ())
        assessment = assess(record)
    publish(assessment, folder, json)


def measure(
    dataset: str,
    items: Sequence[Item],
    systems: Sequence[PeerSpec],
    folder: Path,
    devices: Sequence[str],
    normalizers: Sequence[str],
) -> RunRecord:
    """Runs every system; what is done already is not repeated."""
    runner = Runner(items, folder, devices)
    pending = sum(runner.pending(spec) for spec in systems)
    done = len(items) * len(systems) - pending
    if done:
        note(f"{done} of {done + pending} recordings were measured before and are kept")
    with Bars(pending) as bars, kept_when_interrupted():
        runner.progress = bars
        records = [runner.run(spec) for spec in systems]
    names = tuple(normalizers) or normalizers_for(item.language for item in items)
    return recorded(dataset, records, names)


def recorded(
    dataset: str, systems: Sequence[SystemRecord], normalizers: Sequence[str]
) -> RunRecord:
    """What was measured, with the moment, the command and the machine of this process."""
    return RunRecord(
        dataset=dataset,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=command_line(),
        normalizers=tuple(normalizers),
        systems=tuple(systems),
        machine=describe_machine(),
    )


def publish(assessment: Assessment, folder: Path, json: Path | None) -> None:
    """Write the report down and show it; a failure in it is the command's."""
    written = write_report(assessment, folder)
    show_assessment(assessment)
    screen.print(f"report: {written.html}", highlight=False)
    save(json, to_json(assessment))
    if assessment.failures:
        raise typer.Exit(1)


@contextmanager
def kept_when_interrupted() -> Iterator[None]:
    """Says what an interruption leaves."""
    try:
        yield
    except KeyboardInterrupt:
        note("interrupted: what is finished is kept, the same command goes on from there")
        raise


def show_assessment(assessment: Assessment) -> None:
    """The report's tables on the terminal."""
    for name, evaluations in zip(assessment.normalizers, assessment.evaluations, strict=True):
        show(
            f"{assessment.run.dataset}: accuracy, normaliser {name}",
            figures.ACCURACY_COLUMNS,
            map(figures.accuracy_row, evaluations),
        )
    first = assessment.evaluations[0]
    show("Cost", figures.COST_COLUMNS, map(figures.cost_row, first))
    show("Symptoms", figures.SYMPTOM_COLUMNS, map(figures.symptom_row, first))
    if assessment.duels:
        show(
            "On the same words; negative: the first named is better",
            figures.DUEL_COLUMNS,
            map(figures.duel_row, assessment.duels),
        )
    for warning in assessment.warnings:
        aside.print(f"Warning: {warning}", style="bold yellow", highlight=False, soft_wrap=True)
    for failure in assessment.failures:
        note(f"failed: {failure}")
