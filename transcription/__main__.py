"""`python -m transcription FILE …`: transcripts without a server. Also installed as `longform`.

The transcript goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from chunking.options import MergeOptions, WindowOptions
from decoding.errors import DecodingError
from decoding.types import Decoder, DecodingOptions
from transcription.audio import AudioLimits
from transcription.batch import (
    EXTENSIONS,
    Batch,
    Outcome,
    find_audio,
    transcribe_all,
    transcribe_file,
)
from transcription.console import ProgressBars, report
from transcription.errors import TranscriptionError
from transcription.models import open_decoder
from transcription.options import (
    Channels,
    SpeechOptions,
    TranscriptionOptions,
    temperature_ladder,
)
from transcription.render import render
from transcription.settings import Settings

PROBLEM = 1
WRONG_USE = 2
INTERRUPTED = 130

EXAMPLES = """
Examples:\n
  longform talk.mp3                                   the text on standard output\n
  longform talk.mp3 --format srt > talk.srt           subtitles\n
  longform recordings/ --output out --format text,srt a whole folder; run again to resume\n
  longform call.wav --channels split --report         each channel by itself, with a report\n
  LONGFORM_MODEL=turbo longform talk.mp3              a model that understands people
"""

cli = typer.Typer(add_completion=False, rich_markup_mode="rich")


@cli.command(epilog=EXAMPLES)
def run(
    files: Annotated[
        list[Path], typer.Argument(help="Files of sound or video, or folders of them.")
    ],
    formats: Annotated[
        str,
        typer.Option("--format", "-f", help="text, srt, vtt, json, verbose_json, tsv (a,b: both)."),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write transcripts into.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="demo, tiny … turbo, or a path. [LONGFORM_MODEL]"),
    ] = None,
    adapter: Annotated[Path | None, typer.Option(help="Folder of a LoRA adapter.")] = None,
    devices: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda:0, all. [LONGFORM_DEVICES]")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="ISO 639-1 code; detected over several windows if not given.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help="Each window in one of these, as in: en,hi.")
    ] = None,
    translate: Annotated[bool, typer.Option("--translate", help="Into English.")] = False,
    prompt: Annotated[
        str | None, typer.Option(help="Text that every window sees before it: names, style.")
    ] = None,
    hotwords: Annotated[str | None, typer.Option(help="Words to listen for.")] = None,
    condition_on_previous_text: Annotated[
        bool,
        typer.Option(
            "--condition-on-previous-text",
            help="Prompt each window with the text before it; slow: windows wait for each other.",
        ),
    ] = False,
    beam_size: Annotated[int, typer.Option(help="Beams per window, 1 to 16; 1 is greedy.")] = 5,
    patience: Annotated[float, typer.Option(help="Of the beam search.")] = 1.0,
    length_penalty: Annotated[
        float | None, typer.Option(help="0 to 1; the mean log probability if not given.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Where the ladder of temperatures starts; 0 searches with beams.")
    ] = 0.0,
    window: Annotated[float, typer.Option(help="Seconds; shorter costs accuracy.")] = 30.0,
    overlap: Annotated[float, typer.Option(help="Seconds; 10 is the quality mode.")] = 5.0,
    channels: Annotated[
        Channels, typer.Option(help="mix: as one; split: each channel by itself.")
    ] = "mix",
    vad: Annotated[bool, typer.Option(help="Skip stretches without speech.")] = True,
    vad_threshold: Annotated[float, typer.Option(help="Probability that counts as speech.")] = 0.5,
    show_report: Annotated[
        bool, typer.Option("--report", help="Say what is certain and what is not.")
    ] = False,
    files_at_once: Annotated[int, typer.Option(help="Files in work at the same time.")] = 4,
    overwrite: Annotated[bool, typer.Option(help="Do not skip what is done.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Transcribe sound of any length: overlapping windows, beam search, merged word by word."""
    console = Console(stderr=True)
    names = _formats(formats, console)
    try:
        options = TranscriptionOptions(
            decoding=DecodingOptions(
                task="translate" if translate else "transcribe",
                language=language,
                languages=tuple(filter(None, (languages or "").split(","))),
                prompt=prompt,
                hotwords=hotwords,
                beam_size=beam_size,
                patience=patience,
                length_penalty=length_penalty,
                temperatures=temperature_ladder(temperature),
            ),
            windows=WindowOptions(window=window, overlap=overlap),
            merge=MergeOptions(),
            speech=SpeechOptions(skip_silence=vad, threshold=vad_threshold),
            channels=channels,
            condition_on_previous_text=condition_on_previous_text,
        )
        given = {"model": model, "adapter": adapter, "devices": devices}
        settings = Settings.model_validate(
            Settings().model_dump()
            | {name: value for name, value in given.items() if value is not None}
        )
        decoder = open_decoder(settings)
    except (ValueError, DecodingError) as error:
        _stop(console, str(error), WRONG_USE)
    limits = AudioLimits(max_seconds=settings.max_audio_seconds)
    try:
        if output is None:
            _print_one(files, names, decoder, options, limits, console, quiet, show_report)
        else:
            batch = Batch(decoder, options, names, output, limits, files_at_once, overwrite)
            _write_all(files, batch, console, quiet, show_report)
    except KeyboardInterrupt:
        _stop(console, "interrupted; run the same command again to go on", INTERRUPTED)
    finally:
        decoder.close()


def _formats(formats: str, console: Console) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in formats.split(",") if name.strip()))
    unknown = [name for name in names if name not in EXTENSIONS]
    if unknown or not names:
        _stop(console, f"--format takes {', '.join(EXTENSIONS)}, not {formats!r}", WRONG_USE)
    if {"json", "verbose_json"} <= set(names):
        _stop(console, "json and verbose_json would have the same name; take one", WRONG_USE)
    return names


def _print_one(
    files: list[Path],
    names: tuple[str, ...],
    decoder: Decoder,
    options: TranscriptionOptions,
    limits: AudioLimits,
    console: Console,
    quiet: bool,
    show_report: bool,
) -> None:
    if len(files) > 1 or files[0].is_dir() or len(names) > 1:
        _stop(console, "several files or formats need a folder: --output DIR", WRONG_USE)
    try:
        with ProgressBars(console, is_shown=not quiet) as bars:
            transcript = transcribe_file(files[0], decoder, options, limits, bars)
    except (TranscriptionError, DecodingError, OSError) as error:
        _stop(console, f"{files[0].name}: {error}", PROBLEM)
    sys.stdout.write(render(transcript, names[0]))
    if show_report:
        console.print(report(transcript), highlight=False, markup=False)


def _write_all(
    files: list[Path], batch: Batch, console: Console, quiet: bool, show_report: bool
) -> None:
    found = find_audio(files)
    if not found:
        _stop(console, "no files of sound found there", PROBLEM)
    with ProgressBars(console, is_shown=not quiet) as bars:
        outcomes = transcribe_all(found, batch, bars)
    for outcome in outcomes:
        if show_report and outcome.transcript:
            console.print(f"\n{outcome.source.name}", style="bold", markup=False)
            console.print(report(outcome.transcript), highlight=False, markup=False)
    _summarise(outcomes, batch.output, console)


def _summarise(outcomes: list[Outcome], output: Path, console: Console) -> None:
    problems = [outcome for outcome in outcomes if outcome.problem]
    skipped = sum(not outcome.problem and outcome.transcript is None for outcome in outcomes)
    for outcome in problems:
        console.print(f"{outcome.source}: {outcome.problem}", style="red", markup=False)
    done = len(outcomes) - len(problems) - skipped
    console.print(
        f"{done} transcribed into {output}, {skipped} were done before, {len(problems)} failed",
        highlight=False,
        markup=False,
    )
    if problems:
        raise typer.Exit(PROBLEM)


def _stop(console: Console, message: str, code: int) -> NoReturn:
    console.print(message, style="red", markup=False, highlight=False)
    raise typer.Exit(code)


def main() -> None:
    """The console command `longform`."""
    cli()


if __name__ == "__main__":
    main()
