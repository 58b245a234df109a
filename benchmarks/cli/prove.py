"""`benchmarks prove`: accuracy parity on public recordings of people, on the user's own GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import JsonFile, explained, fail, note, save, screen
from benchmarks.cli.run import RUNS, measure, show_assessment
from benchmarks.datasets.download import Downloader, DownloadFailed
from benchmarks.datasets.registry import dataset_named, load
from benchmarks.datasets.types import DatasetMissing, LoadOptions
from benchmarks.peers.registry import ABSENT, versions_of
from benchmarks.peers.types import PeerSpec
from benchmarks.reports.assessment import assess, to_json, write_report
from benchmarks.sound import SoundMissing, check_all

SETS = ("tedlium", "earnings21-eval10")
PEERS = ("openai-whisper", "faster-whisper-batched")


def prove(
    model: choose.Model = "turbo",
    device: choose.Device = "cuda:0",
    data: choose.DataFolder = choose.DATA,
    batch: choose.Batch = 16,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many recordings of each set.")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Measure us, openai-whisper and faster-whisper on two public sets, with paired intervals.

    Downloads the model (1.6 GB for turbo), TED-LIUM 3's test talks (2.8 h) and Earnings-21's
    Eval-10 (10 h), then transcribes each three times. What is done is kept: run it again to go
    on. A difference counts when its interval leaves out zero.
    """
    check_devices(device)
    check_peers()
    reports, failures = [], 0
    for name in SETS:
        folder = data / name
        with explained():
            _bring(name, folder)
            items = load(name, folder, LoadOptions())[:limit]
            spec = PeerSpec(model=model, batch_size=batch)
            systems = choose.choose_systems(PEERS, spec, True)
            out = RUNS / f"prove-{name}-{Path(model).stem}"
            run = measure(name, items, systems, out, device.split(","), ["openai-english"])
        assessment = assess(run)
        show_assessment(assessment)
        screen.print(f"report: {write_report(assessment, out).html}", highlight=False)
        reports.append(to_json(assessment))
        failures += len(assessment.failures)
    save(json, reports)
    if failures:
        raise typer.Exit(1)


def check_devices(devices: str) -> None:
    """Ends the command when a CUDA device is asked for and there is none."""
    import torch

    if "cuda" in devices and not torch.cuda.is_available():
        fail(
            "prove needs a CUDA device and torch sees none. With --device cpu it works and takes "
            "days; `run` measures the shipped recording on any machine."
        )


def check_peers() -> None:
    """Ends the command before anything is downloaded when a recogniser is not installed."""
    absent = [
        package for peer in PEERS for package, found in versions_of(peer).items() if found == ABSENT
    ]
    if absent:
        fail(f"prove compares with others that are not installed: pip install {' '.join(absent)}")


def _bring(name: str, folder: Path) -> None:
    try:
        check_all(load(name, folder, LoadOptions()))
        return
    except (DatasetMissing, SoundMissing):
        card = dataset_named(name)
    note(f"downloading {card.title} from {card.source} (licence {card.licence})")
    try:
        Downloader(folder).get(card)
    except DownloadFailed as error:
        fail(str(error))
