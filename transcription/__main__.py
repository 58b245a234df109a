"""`python -m transcription FILE …`: transcripts without a server. Also installed as `longform`.

The transcript goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from chunking.options import CueOptions, PlanKind, WindowOptions
from decoding.errors import DecodingError
from decoding.types import DecodingOptions
from transcription.batch import (
    Batch,
    Outcome,
    transcribe_all,
    transcribe_file,
    written,
)
from transcription.command_options import (
    FILES,
    SEARCH,
    SPEECH,
    WINDOWS,
    Adapter,
    BeamSize,
    Devices,
    GivenPrecision,
    Hotwords,
    HypothesisRanking,
    Language,
    ModelName,
    Prompt,
    Quiet,
    Threads,
    Translate,
    Vad,
    Version,
    settings_of,
)
from transcription.console import ProgressBars, report, tell
from transcription.errors import TranscriptionError, UnsupportedRequest
from transcription.language import check_model_can, check_named_model_can
from transcription.language_names import language_code, only_script_of
from transcription.models import DEMO_LIMITS, DEMO_MODEL, open_decoder
from transcription.options import (
    Channels,
    SpeechOptions,
    TranscriptionOptions,
    fallback_temperatures,
)
from transcription.options_digest import digest_of
from transcription.reader_process import reader_of
from transcription.render import FORMATS
from transcription.render import SUBTITLES as SUBTITLE_FORMATS
from transcription.settings import complaint
from transcription.sound_files import Found, find_audio
from transcription.transcript_names import SameTranscript
from transcription.types import Transcript

PROBLEM = 1
WRONG_USE = 2
INTERRUPTED = 130

EXAMPLES = """
Examples:\n
  longform talk.mp3                                   the text on standard output\n
  longform talk.mp3 --format srt > talk.srt           subtitles\n
  longform recordings/ --output out --format text,srt a whole folder; run again to resume\n
  longform call.wav --channels split --report         each channel by itself, with a report\n
  LONGFORM_MODEL=turbo longform talk.mp3              a larger, more exact model\n
  longform bulk --help                                many recordings: a manifest or a bucket
"""

cli = typer.Typer(add_completion=False, rich_markup_mode="rich")

SUBTITLES = f"Subtitles ({', '.join(SUBTITLE_FORMATS)})"
DEFAULT, SCREEN = TranscriptionOptions(), CueOptions()
ASKED, CUT, QUIET = DEFAULT.decoding, DEFAULT.windows, DEFAULT.speech


@cli.command(epilog=EXAMPLES)
def run(
    files: Annotated[
        list[Path], typer.Argument(help="Files of sound or video, or folders of them.")
    ],
    formats: Annotated[
        str,
        typer.Option("--format", "-f", help=f"{', '.join(FORMATS)} (a,b: both)."),
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write transcripts into.")
    ] = None,
    model: ModelName = None,
    adapter: Adapter = None,
    devices: Devices = None,
    precision: GivenPrecision = None,
    threads: Threads = None,
    language: Language = None,
    languages: Annotated[
        str | None,
        typer.Option(
            help="Each window in one of these, for recordings that switch: en,hi.",
            rich_help_panel=SPEECH,
        ),
    ] = None,
    translate: Translate = False,
    prompt: Prompt = None,
    hotwords: Hotwords = None,
    condition_on_previous_text: Annotated[
        bool,
        typer.Option(
            "--condition-on-previous-text",
            help="Prompt each window with the text before it. Slow, for windows wait for each "
            "other, and an error may repeat itself.",
            rich_help_panel=SPEECH,
        ),
    ] = DEFAULT.condition_on_previous_text,
    beam_size: BeamSize = ASKED.beam_size,
    patience: Annotated[
        float,
        typer.Option(
            help="Above 1 the search goes on after as many ends as beams: slower.",
            rich_help_panel=SEARCH,
        ),
    ] = ASKED.patience,
    length_penalty: Annotated[
        float | None,
        typer.Option(
            help="0 to 1, higher for longer text; the mean log probability if not given.",
            rich_help_panel=SEARCH,
        ),
    ] = ASKED.length_penalty,
    ranking: HypothesisRanking = ASKED.ranking,
    temperature: Annotated[
        float,
        typer.Option(
            help="Where the ladder of temperatures starts; 0 searches with beams and climbs "
            "where a window fails.",
            rich_help_panel=SEARCH,
        ),
    ] = ASKED.temperatures[0],
    window: Annotated[
        float,
        typer.Option(help="Seconds, 1 to 30; shorter costs accuracy.", rich_help_panel=WINDOWS),
    ] = CUT.window,
    overlap: Annotated[
        float | None,
        typer.Option(
            help="Seconds that windows share; 3, or a sixth of a shorter window, if not given. "
            "With 10 it takes a third longer, for as many errors.",
            rich_help_panel=WINDOWS,
        ),
    ] = None,
    plan: Annotated[
        PlanKind,
        typer.Option(
            help="grid: windows at even distances. chains: each begins where the one before it "
            "stopped writing, and waits for it.",
            rich_help_panel=WINDOWS,
        ),
    ] = CUT.plan,
    chain: Annotated[
        float | None,
        typer.Option(
            help=f"Seconds of a chain; {CUT.chain:g} if not given. Short chains are done sooner "
            "on a GPU, long ones need fewer windows.",
            rich_help_panel=WINDOWS,
        ),
    ] = None,
    channels: Annotated[
        Channels,
        typer.Option(
            help="mix: as one; split: each channel by itself; tracks: each audio track.",
            rich_help_panel=WINDOWS,
        ),
    ] = DEFAULT.channels,
    audio_track: Annotated[
        int | None,
        typer.Option(
            help="Which audio track is heard, from 1; the one that the file flags if not given.",
            rich_help_panel=WINDOWS,
        ),
    ] = None,
    vad: Vad = QUIET.skip_silence,
    vad_threshold: Annotated[
        float, typer.Option(help="Probability that counts as speech.", rich_help_panel=WINDOWS)
    ] = QUIET.threshold,
    vad_min_silence: Annotated[
        float,
        typer.Option(help="Shorter silences are speech; seconds.", rich_help_panel=WINDOWS),
    ] = QUIET.min_silence,
    vad_pad: Annotated[
        float,
        typer.Option(help="Kept before and after speech; seconds.", rich_help_panel=WINDOWS),
    ] = QUIET.pad,
    max_line_length: Annotated[
        int,
        typer.Option(help="Columns of a line; a wide letter takes two.", rich_help_panel=SUBTITLES),
    ] = SCREEN.max_line_length,
    max_lines: Annotated[
        int, typer.Option(help="Lines of a subtitle.", rich_help_panel=SUBTITLES)
    ] = SCREEN.max_lines,
    max_cue: Annotated[
        float, typer.Option(help="Longest time on screen; seconds.", rich_help_panel=SUBTITLES)
    ] = SCREEN.max_duration,
    reading_speed: Annotated[
        float,
        typer.Option(
            help="Columns read in a second; short subtitles stay until they are read.",
            rich_help_panel=SUBTITLES,
        ),
    ] = SCREEN.reading_speed,
    show_report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Say what is certain and what is not: speech without words, doubtful seams, "
            "windows decoded again.",
            rich_help_panel=FILES,
        ),
    ] = False,
    files_at_once: Annotated[
        int, typer.Option(help="Files in work at the same time.", rich_help_panel=FILES)
    ] = 4,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do not skip what is done.", rich_help_panel=FILES)
    ] = False,
    quiet: Quiet = False,
    version: Version = False,  # noqa: ARG001 - its callback has told it and ended the command
) -> None:
    """Transcribe sound of any length: overlapping windows, beam search, merged word by word."""
    console = Console(stderr=True)
    names = _formats(formats, channels, console)
    found = _found(files, names, output, console)
    try:
        options = TranscriptionOptions(
            decoding=DecodingOptions(
                task="translate" if translate else "transcribe",
                language=language_code(language) if language else None,
                languages=_languages(languages),
                prompt=prompt,
                hotwords=hotwords,
                beam_size=beam_size,
                patience=patience,
                length_penalty=length_penalty,
                ranking=ranking,
                temperatures=fallback_temperatures(temperature),
            ),
            windows=WindowOptions.of(window, overlap, plan=plan, chain=chain),
            speech=SpeechOptions(vad, vad_threshold, vad_min_silence, vad_pad),
            channels=channels,
            condition_on_previous_text=condition_on_previous_text,
            script=only_script_of([language or "", *(languages or "").split(",")]),
            audio_track=audio_track,
        )
        cues = CueOptions(max_line_length, max_lines, max_cue, reading_speed=reading_speed)
        settings = settings_of(
            model=model, adapter=adapter, devices=devices, precision=precision, threads=threads
        )
        check_named_model_can(options, settings.model)
        decoder = open_decoder(settings)
    except ValidationError as error:
        _stop(console, complaint(error), WRONG_USE)
    except (ValueError, DecodingError, UnsupportedRequest) as error:
        _stop(console, str(error), WRONG_USE)
    if decoder.model.name == DEMO_MODEL and not quiet:
        tell(console, DEMO_LIMITS, "dim")
    to_do = (decoder, options, names, output or Path(), reader_of(settings))
    batch = Batch(*to_do, files_at_once, overwrite, cues, digest_of(settings, options, cues))
    try:
        check_model_can(options, decoder.model)
        if output is None:
            _print_one(files[0], batch, console, quiet, show_report)
        else:
            _write_all(found, batch, console, quiet, show_report)
    except (UnsupportedRequest, SameTranscript) as error:
        _stop(console, str(error), WRONG_USE)
    except KeyboardInterrupt:
        _stop(console, "interrupted; run the same command again to go on", INTERRUPTED)
    finally:
        decoder.close()


def _languages(given: str | None) -> tuple[str, ...]:
    return tuple(language_code(name) for name in (given or "").split(",") if name.strip())


def _formats(formats: str, channels: Channels, console: Console) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in formats.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        _stop(console, f"--format takes {', '.join(FORMATS)}, not {formats!r}", WRONG_USE)
    owners: dict[str, str] = {}
    for name in names:
        other = owners.setdefault(FORMATS[name].suffix, name)
        if other != name:
            _stop(console, f"{other} and {name} would have the same name; take one", WRONG_USE)
        if FORMATS[name].has_speakers and channels == "mix":
            _stop(
                console,
                f"{name} needs --channels split or tracks: speakers are channels or tracks",
                WRONG_USE,
            )
    return names


def _found(
    files: list[Path], names: tuple[str, ...], output: Path | None, console: Console
) -> Found:
    """What is to be transcribed, before a model is loaded, which may take minutes."""
    missing = [str(path) for path in files if not os.path.exists(path)]
    if missing:
        _stop(console, f"there is no file or folder {', '.join(missing)}", WRONG_USE)
    found = find_audio(files)
    if not found.files:
        _name_left_out(found, console)
        _stop(console, "no files of sound found there", PROBLEM)
    if output is None and any(map(os.path.isdir, files)):
        _stop(console, "what is in a folder is written into a folder: --output DIR", WRONG_USE)
    if output is None and (len(files) > 1 or len(names) > 1):
        _stop(console, "several files or formats need a folder: --output DIR", WRONG_USE)
    if output is not None:
        _check_output(output, console)
    return found


def _check_output(output: Path, console: Console) -> None:
    """Make nothing yet: whether the folder can be written to, or made where the first is above."""
    there = next(path for path in (output, *output.absolute().parents) if os.path.lexists(path))
    if not os.path.isdir(there):
        _stop(console, f"--output must be a folder, and {there} is a file", WRONG_USE)
    if not os.access(there, os.W_OK | os.X_OK):
        _stop(console, f"--output must be a folder to write to, and {there} is not", WRONG_USE)


def _print_one(file: Path, batch: Batch, console: Console, quiet: bool, show_report: bool) -> None:
    try:
        with ProgressBars(console, is_shown=not quiet) as bars:
            transcript = transcribe_file(file, batch, bars)
    except (TranscriptionError, DecodingError, OSError, ValueError) as error:
        _stop(console, f"{file.name}: {error}", PROBLEM)
    sys.stdout.writelines(written(transcript, batch.formats[0], batch.cues))
    if show_report:
        tell(console, report(transcript))
    elif not quiet:
        _tell_warnings(file, transcript, console)


def _write_all(
    found: Found, batch: Batch, console: Console, quiet: bool, show_report: bool
) -> None:
    try:
        with ProgressBars(console, is_shown=not quiet) as bars:
            ended = transcribe_all(found.files, batch, bars)
    except OSError as error:
        _stop(console, str(error), PROBLEM)
    for outcome in ended.outcomes:
        if show_report and outcome.transcript:
            tell(console, f"\n{outcome.source.name}", "bold")
            tell(console, report(outcome.transcript))
        elif outcome.transcript and not quiet:
            _tell_warnings(outcome.source, outcome.transcript, console)
    _summarise(ended.outcomes, batch.output, console)
    _name_left_out(found, console)
    if ended.stopped:
        told = f"{ended.stopped}; make some and run the same command again to go on"
        _stop(console, told, PROBLEM)
    if found.unread or any(outcome.problem for outcome in ended.outcomes):
        raise typer.Exit(PROBLEM)


def _tell_warnings(file: Path, transcript: Transcript, console: Console) -> None:
    """As the report does, for who did not ask for it."""
    for warning in transcript.warnings:
        tell(console, f"{file.name}: {warning}", "yellow")


def _name_left_out(found: Found, console: Console) -> None:
    for sentence in found.passed_over:
        tell(console, sentence, "yellow")
    for sentence in found.unread:
        tell(console, sentence, "red")


def _summarise(outcomes: Sequence[Outcome], output: Path, console: Console) -> None:
    problems = [outcome for outcome in outcomes if outcome.problem]
    skipped = sum(not outcome.problem and outcome.transcript is None for outcome in outcomes)
    others = sum(outcome.is_of_others for outcome in outcomes)
    for outcome in problems:
        tell(console, f"{outcome.source}: {outcome.problem}", "red")
    if others:
        told = (
            f"{others} of those done before are of another model, other options, another format or "
            "another version; --overwrite transcribes everything again, another --output keeps both"
        )
        tell(console, told, "yellow")
    done = len(outcomes) - len(problems) - skipped
    failed = len(problems)
    tell(console, f"{done} transcribed into {output}, {skipped} were done before, {failed} failed")


def _stop(console: Console, message: str, code: int) -> NoReturn:
    tell(console, message, "red")
    raise typer.Exit(code)


if __name__ == "__main__":
    cli()
