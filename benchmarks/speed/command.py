"""`python -m benchmarks speed`: us and every installed peer on the same work in one run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.output import JsonFile, command_line, explained, fail, note, save, show
from benchmarks.machine import describe_machine
from benchmarks.speed import fairness, gpu, proof
from benchmarks.speed.host import decoding_per_window, measure_host, told, told_alone
from benchmarks.speed.plan import Scale, file_works, window_works
from benchmarks.speed.plot import draw
from benchmarks.speed.report import (
    COLUMNS,
    PACKAGES,
    Report,
    Table,
    cells,
    version_of,
)
from benchmarks.speed.rounds import measure_all
from benchmarks.speed.systems.sound import RECORDING


def command(  # noqa: PLR0913 - an option of the command is an argument of its function
    sizes: Annotated[
        str, typer.Option(help="Sizes with random weights: tiny, base, small, turbo, large-v3.")
    ] = "tiny,small",
    batches: Annotated[str, typer.Option(help="Windows at once.")] = "1,8",
    threads: Annotated[str, typer.Option(help="CPU threads of each system.")] = "1",
    tokens: Annotated[int, typer.Option(help="Tokens of each window; end-of-text is barred.")] = 64,
    beam_size: Annotated[int, typer.Option(help="Beams of every system.")] = 5,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds; medians are reported.")] = 3,
    systems: Annotated[str, typer.Option(help="Only these, as in: ours,ctranslate2.")] = "",
    files: Annotated[
        bool, typer.Option(help="Also whole files with the demo model, word times included.")
    ] = True,
    audio: Annotated[
        list[Path] | None, typer.Option(help="File for that; the shipped recording if not given.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Model of the whole files, or of the part real.")
    ] = "demo",
    device: Annotated[str, typer.Option(help="cpu or cuda:N.")] = "cpu",
    cache: Annotated[Path | None, typer.Option(help="Folder of checkpoints made here.")] = None,
    json_file: JsonFile = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture (SVG) there.")] = None,
    gpu_part: Annotated[
        bool, typer.Option("--gpu", help="The whole GPU part: correctness, speed, memory, a note.")
    ] = False,
    correctness: Annotated[
        str,
        typer.Option(
            help="Prove equality with openai-whisper instead of timing: all, or some of "
            f"{','.join(proof.PARTS)}; or real, with --model and --sound of your own."
        ),
    ] = "",
    sound: Annotated[
        list[Path] | None,
        typer.Option(help="For the part real: a folder of speech, or a file. May be repeated."),
    ] = None,
    windows: Annotated[
        int | None, typer.Option(min=1, help="For the part real: so many windows, evenly spread.")
    ] = None,
    load: Annotated[
        bool, typer.Option("--load", help="200 mixed requests at once instead: equality, waiting.")
    ] = False,
    host: Annotated[
        bool, typer.Option("--host", help="CPU time of the host beside decoding instead.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --gpu: all of it at toy size, on any device.")
    ] = False,
) -> None:
    """Time us and every installed peer on equal work: same sound, checkpoint, beams and tokens."""
    with explained():
        if gpu_part:
            gpu.run(device if dry_run or device != "cpu" else "cuda:0", cache, is_dry=dry_run)
            return
        if correctness:
            parts = proof.PARTS if correctness == "all" else _names(correctness)
            speech = partial(proof.RealSpeech, model, tuple(sound or ()), windows)
            if failed := proof.prove(parts, cache, speech=speech):
                fail(f"not proven: {', '.join(failed)}")
            return
        if load:
            for line in fairness.told(
                fairness.meet(fairness.made_up_requests(), cache), fairness.share_of_the_long(cache)
            ):
                note(line)
            return
        if host:
            found = measure_host((audio or [RECORDING])[0])
            note(told_alone(found))
            for size in _names(sizes):
                took = decoding_per_window(size, "int8", cache)
                note(told(found, size, "int8", took))
            return
        scale = Scale(
            device=device,
            batches=_numbers(batches),
            threads=_numbers(threads),
            beam_size=beam_size,
            tokens=tokens,
            systems=_names(systems),
            cache=str(cache) if cache else None,
        )
        tables = [window_table(size, scale, rounds) for size in _names(sizes)]
        if files:
            tables.append(file_table(model, audio or [RECORDING], scale, rounds))
        report = report_of(tables)
        print_report(report)
        save(json_file, report.to_json())
        if plot is not None:
            plot.write_text(draw(report), encoding="utf-8")
            note(f"the picture is in {plot}")


def window_table(size: str, scale: Scale, rounds: int) -> Table:
    """Equal tokens on a checkpoint of true size."""
    title = (
        f"{size} size, random weights, windows of 30 s, beam {scale.beam_size}, "
        f"{scale.tokens} tokens each, timestamps on, log-mel included"
    )
    return Table(title, measure_all(window_works(size, scale), rounds, note))


def file_table(model: str, audio: Sequence[Path], scale: Scale, rounds: int) -> Table:
    """Whole pipelines, from the encoded file to words with times."""
    names = ", ".join(path.name for path in audio)
    works = file_works(model, [str(path) for path in audio], scale)
    title = f"{model} model, whole files ({names}), beam {scale.beam_size}, word times"
    return Table(title, measure_all(works, rounds, note))


def report_of(tables: Sequence[Table]) -> Report:
    return Report(
        date=date.today().isoformat(),
        command=command_line(),
        machine=describe_machine(),
        versions={name: version_of(name) for name in PACKAGES},
        tables=tables,
    )


def print_report(report: Report) -> None:
    """The tables on the terminal."""
    for table in report.tables:
        show(table.title, COLUMNS, [cells(row) for row in table.rows])


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(name) for name in _names(text))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise ValueError(f"whole numbers from 1 are expected, as in 1,8; got {text!r}")
    return numbers
