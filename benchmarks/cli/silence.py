"""`benchmarks silence`: words heard where nobody speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import JsonFile, explained, note, save, show
from benchmarks.cli.run import RUNS, measure
from benchmarks.evaluation import SystemEvaluation, evaluate
from benchmarks.peers.types import PeerSpec
from benchmarks.reports import figures
from benchmarks.reports.assessment import assess, to_json
from benchmarks.silence import found_noises, made_noises
from transcription.models import DEMO_MODEL

COLUMNS = ("System", "Recordings", "With words", "Words", "Words a minute", "Real-time factor")


def silence(  # noqa: PLR0913  # a command's options are its arguments
    root: Annotated[
        Path | None, typer.Option(help="Folder of sounds without speech (ESC-50, MUSAN noise).")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.05, help="Length of each made noise.")] = 1.0,
    peer: Annotated[
        list[str] | None, typer.Option("--peer", "-p", help="Another recogniser; repeatable.")
    ] = None,
    model: choose.Model = DEMO_MODEL,
    device: choose.Device = "cpu",
    precision: choose.Precision = "auto",
    beam: choose.Beam = 5,
    threads: choose.Threads = None,
    limit: choose.Limit = None,
    out: choose.RunFolder = None,
    json: JsonFile = None,
) -> None:
    """Count the words that recognisers make up on silence, noise and hum.

    Without --root, seven kinds of noise are made on the spot, always the same. The goal is no
    word at all on digital silence and at most one a minute on noise.
    """
    with explained():
        folder = out or RUNS / f"silence-{model.replace('/', '-')}"
        items = found_noises(root) if root else made_noises(folder / "noises", minutes)
        spec = PeerSpec(model=model, precision=precision, beam_size=beam, threads=threads)
        systems = choose.choose_systems(peer or (), spec, True)
        run = measure("silence", items[:limit], systems, folder, device.split(","), ["none"])
    evaluations = [evaluate(system, "none") for system in run.systems]
    show("Words without speech", COLUMNS, [_row(e) for e in evaluations])
    for evaluation in evaluations:
        for file in evaluation.files:
            if file.score.insertions:
                heard = file.record.heard.text if file.record.heard else ""
                note(f"{evaluation.system.name}: {file.record.item.name}: {heard[:160]}")
    save(json, to_json(assess(run)))


def _row(evaluation: SystemEvaluation) -> tuple[str, ...]:
    found = evaluation.no_speech
    rate = found.words_per_minute
    return (
        evaluation.system.name,
        str(found.recordings),
        str(found.recordings_with_words),
        str(found.words),
        figures.ABSENT if rate is None else f"{rate:.2f}",
        figures.real_time_factor(evaluation),
    )
