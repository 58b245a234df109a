"""`benchmarks human`: long recordings of people, in every way that matters, beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import selection as choose
from benchmarks.cli.output import JsonFile, explained, note, save, show
from benchmarks.cli.run import RUNS, measure, recorded
from benchmarks.human.manifest import FORMAT, GAP, LENGTH, Joining, load_recordings
from benchmarks.human.report import gaps, render_note, tables_of, to_json
from benchmarks.human.study import Study, study
from benchmarks.human.systems import PEERS, choose_systems, find_weights, move_windows
from benchmarks.human.types import KINDS, SPEECH, HumanRecording
from benchmarks.items import Item
from benchmarks.normalizers import ENGLISH
from benchmarks.peers.types import PeerSpec
from benchmarks.runner import Runner
from benchmarks.sound import check_all
from chunking.options import WindowOptions

LARGEST_PHASE = WindowOptions().window - WindowOptions().overlap - 0.1


def human(  # noqa: PLR0913  # a command's options are its arguments
    folders: Annotated[list[Path], typer.Argument(help="Folders with a manifest.jsonl each.")],
    model: choose.Model = "base",
    peer: Annotated[
        list[str] | None,
        typer.Option("--peer", "-p", help=f"Instead of {', '.join(PEERS)}; repeatable."),
    ] = None,
    weights_openai: Annotated[
        str | None, typer.Option(help="The same model as openai-whisper's .pt, if not beside it.")
    ] = None,
    weights_ct2: Annotated[
        str | None, typer.Option(help="The same model as CTranslate2's folder, if not beside it.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Kinds of recordings: {', '.join(KINDS)}; repeatable.")
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Transcribe nothing; report what was measured.")
    ] = False,
    phase: Annotated[
        list[float] | None,
        typer.Option(
            min=0.1,
            max=LARGEST_PHASE,
            help="Hear the speech again, us and our engine window by window, with windows moved "
            "by so many seconds; repeatable. What seams cost is told then.",
        ),
    ] = None,
    gap: Annotated[
        float, typer.Option(min=0.0, help="Seconds of silence between joined clips.")
    ] = GAP,
    length: Annotated[
        float, typer.Option(min=30.0, help="Seconds of a recording of joined clips at most.")
    ] = LENGTH,
    device: choose.Device = "cpu",
    precision: choose.Precision = "fp32",
    beam: choose.Beam = 5,
    batch: choose.Batch = 8,
    threads: choose.Threads = None,
    previous_text: choose.PreviousText = False,
    out: choose.RunFolder = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the tables as a note.")
    ] = None,
    json: JsonFile = None,
) -> None:
    with explained():
        recordings = _choose(load_recordings(folders, Joining(gap, length)), only or ())
        spec = PeerSpec(
            model=model,
            precision=precision,
            beam_size=beam,
            batch_size=batch,
            threads=threads,
            previous_text=previous_text,
        )
        weights = find_weights(model, weights_openai, weights_ct2)
        systems = choose_systems(PEERS if peer is None else peer, spec, weights)
        folder = out or RUNS / f"human-{Path(model).stem}"
        devices = device.split(",")
        records = []
        for items, specs in _parts(recordings, systems, phase or ()):
            if finished:
                runner = Runner(items, folder, devices)
                records += [runner.finished(spec) for spec in specs]
            else:
                records += measure("human", items, specs, folder, devices, [ENGLISH]).systems
        found = study(recordings, recorded("human", records, [ENGLISH]))
    _tell(found, markdown, json)


human.__doc__ = f"""Measure long recordings of people: us, our engine window by window, and others.

All get the same weights and the same recordings: errors with paired intervals, words lost in a
row or said twice, holes that our report names, windows and seconds, words where nobody speaks,
digits, other languages, word times. What is finished is kept: the same command goes on.

{FORMAT}

    benchmarks human recordings/ -m base --threads 1 --markdown note.md
    benchmarks human recordings/ -m models/base.pt --only meeting --only calls --finished
    benchmarks human recordings/ -m base --phase 4 --phase 8 --phase 12 --phase 15 --phase 20
"""


def _choose(
    recordings: Sequence[HumanRecording], kinds: Sequence[str]
) -> tuple[HumanRecording, ...]:
    """Those of the named kinds, all if none is named; their sound is there."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"no kind is called {unknown[0]!r}; there are {', '.join(KINDS)}")
    chosen = tuple(r for r in recordings if not kinds or r.kind in kinds)
    if not chosen:
        raise ValueError(f"there is no recording of the kinds {', '.join(kinds)}")
    check_all([recording.item for recording in chosen])
    return chosen


def _parts(
    recordings: Sequence[HumanRecording], systems: Sequence[PeerSpec], phases: Sequence[float]
) -> Iterator[tuple[list[Item], Sequence[PeerSpec]]]:
    """What is heard by whom: everything by all, and speech again by those whose windows move."""
    speech = [recording.item for recording in recordings if recording.kind in SPEECH]
    if phases and not speech:
        raise ValueError(f"--phase is for recordings of the kinds {', '.join(SPEECH)}")
    yield [recording.item for recording in recordings], systems
    if phases:
        yield speech, move_windows(systems, phases)


def _tell(found: Study, markdown: Path | None, json: Path | None) -> None:
    tables = tables_of(found)
    for table in tables:
        show(table.title, table.columns, table.rows, texts=table.texts)
        if table.note:
            note(table.note)
    if markdown is not None:
        markdown.write_text(render_note(found, tables), encoding="utf-8")
        note(f"the note is in {markdown}")
    save(json, to_json(found, tables))
    for name, reason in found.absent:
        note(f"{name} was not measured: {reason}")
    missing = gaps(found)
    for gap in missing:
        note(f"not measured: {gap}")
    if found.absent or missing:
        raise typer.Exit(1)
