"""`python -m benchmarks speed`: us and every installed peer on the same work in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks.cli.output import JsonFile, command_line, explained, fail, note, save, show
from benchmarks.cli.run import RUNS, kept_when_interrupted
from benchmarks.cli.selection import RunFolder
from benchmarks.machine import describe_machine
from benchmarks.speed import cluster as scaling
from benchmarks.speed import fairness, gpu, proof
from benchmarks.speed import postgres_workers as by_postgres
from benchmarks.speed import selection as choose
from benchmarks.speed.host import decoding_per_window, measure_host, told, told_alone
from benchmarks.speed.plan import (
    Scale,
    absent,
    check_precisions,
    check_systems,
    file_works,
    window_works,
)
from benchmarks.speed.plot import draw
from benchmarks.speed.processor import report as processor_report
from benchmarks.speed.processor.plan import Amount
from benchmarks.speed.report import (
    PACKAGES,
    TERMINAL_COLUMNS,
    Report,
    Table,
    terminal_cells,
    version_of,
)
from benchmarks.speed.rounds import measure_all
from benchmarks.speed.systems.sound import RECORDING


def command(  # noqa: PLR0913 - an option of the command is an argument of its function
    sizes: choose.Sizes = "tiny,small",
    batches: choose.Batches = "1,8",
    threads: choose.Threads = "1",
    tokens: choose.Tokens = 64,
    beam_size: choose.Beams = 5,
    rounds: choose.Rounds = 3,
    systems: choose.Systems = "",
    precisions: choose.Precisions = "",
    files: choose.Files = True,
    audio: choose.Audio = None,
    model: choose.Model = "demo",
    device: choose.Device = "cpu",
    cache: choose.Cache = None,
    json_file: JsonFile = None,
    plot: choose.Plot = None,
    gpu_part: choose.GpuPart = False,
    correctness: choose.Correctness = "",
    sound: choose.Sound = None,
    windows: choose.Windows = None,
    load: choose.Load = False,
    host: choose.Host = False,
    cluster: choose.Cluster = False,
    processor: choose.Processor = "",
    minutes: choose.Minutes = None,
    lengths: choose.Lengths = "10,60,180",
    out: RunFolder = None,
    markdown: choose.Markdown = None,
    workers: choose.Workers = "",
    dry_run: choose.DryRun = False,
) -> None:
    with explained():
        if gpu_part:
            gpu.run(device if dry_run or device != "cpu" else "cuda:0", cache, is_dry=dry_run)
        elif correctness:
            speech = partial(proof.RealSpeech, model, tuple(sound or ()), windows)
            _prove(correctness, cache, speech)
        elif load:
            _meet(cache)
        elif host:
            _tell_host((audio or [RECORDING])[0], _names(sizes), cache)
        elif cluster:
            scaling.tell(scaling.measure())
        elif processor:
            names = processor_report.parts_named(processor)
            amount = Amount(
                folder=out or RUNS / f"speed-{Path(model).stem}",
                model=model,
                sound=tuple(sound or ()),
                minutes=minutes,
                lengths=_numbers(lengths),
                threads=_numbers(threads),
                batches=_numbers(batches),
                sizes=_names(sizes),
                tokens=tokens,
                beam_size=beam_size,
                rounds=rounds,
                systems=_names(systems),
                precisions=_names(precisions),
                cache=cache,
            )
            check_systems(amount.systems)
            check_precisions(amount.precisions)
            with kept_when_interrupted():
                processor_report.run(names, amount, markdown, json_file)
        elif workers:
            scaling.tell(by_postgres.measure(workers), "Workers")
            note(by_postgres.told(by_postgres.measure_flow(workers)))
        else:
            scale = Scale(
                device=device,
                batches=_numbers(batches),
                threads=_numbers(threads),
                beam_size=beam_size,
                tokens=tokens,
                systems=_names(systems),
                precisions=_names(precisions),
                cache=str(cache) if cache else None,
            )
            check_systems(scale.systems)
            check_precisions(scale.precisions)
            tables = [window_table(size, scale, rounds) for size in _names(sizes)]
            if files:
                tables.append(file_table(model, audio or [RECORDING], scale, rounds))
            _write(report_of(tables), json_file, plot)
            for sentence in absent(scale, has_files=files):
                note(sentence)


command.__doc__ = f"""Time us and every installed peer on equal work: same sound, checkpoint, beams.

Without a part: windows with random weights, then whole files of the demo model.

{processor_report.PARTS_TOLD}

    benchmarks speed --sizes tiny --threads 1,2
    benchmarks speed --processor all -m base --sound recordings/ --minutes 8 --threads 2
    benchmarks speed --processor lengths -m tiny.en --lengths 10,60 --rounds 1
"""


def _prove(correctness: str, cache: Path | None, speech: Callable[[], proof.RealSpeech]) -> None:
    parts = proof.PARTS if correctness == "all" else _names(correctness)
    if failed := proof.prove(parts, cache, speech=speech):
        fail(f"not proven: {', '.join(failed)}")


def _meet(cache: Path | None) -> None:
    met = fairness.meet(fairness.made_up_requests(), cache)
    for line in fairness.told(met, fairness.share_of_the_long(cache)):
        note(line)


def _tell_host(source: Path, sizes: Sequence[str], cache: Path | None) -> None:
    found = measure_host(source)
    note(told_alone(found))
    for size in sizes:
        note(told(found, size, "int8", decoding_per_window(size, "int8", cache)))


def _write(report: Report, json_file: Path | None, plot: Path | None) -> None:
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
        show(table.title, TERMINAL_COLUMNS, [terminal_cells(row) for row in table.rows])


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
