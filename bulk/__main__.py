"""`python -m bulk --input manifest.jsonl --output PREFIX`: also installed as `longform bulk`.

Progress and the summary go to standard error, results to the prefix.
"""

from __future__ import annotations

import logging
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from bulk.output import OutputFailed
from bulk.parquet import MISSING, can_write
from bulk.progress import tell
from bulk.session import AT_ONCE, AT_ONCE_ON_CUDA, Asked, carry_out
from bulk.transcribing import RunStopped
from bulk.workspace import WorkspaceInUse
from decoding.errors import DecodingError
from decoding.types import DecodingOptions
from transcription.command_options import (
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
    settings_of,
)
from transcription.errors import AudioUnavailable, UnsupportedRequest
from transcription.language_names import language_code, script_of
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.outward import Reach
from transcription.settings import complaint
from transcription.sound_download import DownloadLimits

PROBLEM = 1
WRONG_USE = 2
TRY_AGAIN = 75  # sysexits.h: EX_TEMPFAIL
INTERRUPTED = 130
FETCH_TRIES = 4
MAX_BYTES = 4 << 30
DEFAULT = TranscriptionOptions()

EXAMPLES = """
Examples:\n
  longform bulk --input calls.jsonl --output out --parquet         resumes where it was stopped\n
  longform bulk --input s3://bucket/calls/ --output s3://bucket/transcripts --price-per-hour 2.50\n
\n
A line of a manifest: {"audio": "calls/0001.wav", "id": "call-1", "language": "en", "text": "…"};
all but audio may be left out. With text, the index counts errors.
"""

cli = typer.Typer(add_completion=False, rich_markup_mode="rich")


@cli.command(epilog=EXAMPLES)
def run(
    source: Annotated[
        str,
        typer.Option(
            "--input",
            "-i",
            help="A manifest of JSON lines, a folder of recordings, or the prefix of a bucket.",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder or prefix to write results and index to.")
    ],
    parquet: Annotated[
        bool, typer.Option("--parquet", help="The index as Parquet too (extra: parquet).")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many are to do, and do nothing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed before.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew, whatever is done.")
    ] = False,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=256,
            help=f"Recordings transcribed side by side; {AT_ONCE} if not given, "
            f"{AT_ONCE_ON_CUDA} on a GPU.",
        ),
    ] = None,
    ahead: Annotated[
        int, typer.Option(min=0, max=256, help="Recordings fetched ahead of those.")
    ] = 4,
    price_per_hour: Annotated[
        float | None,
        typer.Option(min=0, help="What an hour of this machine costs: progress tells the cost."),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Largest recording that is fetched.")
    ] = MAX_BYTES,
    allow_inward: Annotated[
        bool,
        typer.Option(
            "--allow-inward", help="Fetch from loopback and private addresses, and any host, too."
        ),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="On the hosts of the Ray cluster at HOST:PORT (extra: cluster); LONGFORM_RAY_… "
            "says how many engines, and where its token is.",
        ),
    ] = None,
    model: ModelName = None,
    adapter: Adapter = None,
    devices: Devices = None,
    precision: GivenPrecision = None,
    threads: Threads = None,
    language: Language = None,
    translate: Translate = False,
    prompt: Prompt = None,
    hotwords: Hotwords = None,
    beam_size: BeamSize = DEFAULT.decoding.beam_size,
    ranking: HypothesisRanking = DEFAULT.decoding.ranking,
    vad: Vad = DEFAULT.speech.skip_silence,
    quiet: Quiet = False,
) -> None:
    """Transcribe many recordings into a prefix: one JSON result each, and an index.

    What is done is skipped: run the same command again to go on.
    """
    console = Console(stderr=True)
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    if parquet and not can_write():
        _stop(console, MISSING, WRONG_USE)
    reach = Reach(allows_http=True, allows_inward=allow_inward)
    asked = Asked(
        source=source,
        output=output,
        download=DownloadLimits(reach, max_bytes, tries=FETCH_TRIES),
        parquet=parquet,
        dry_run=dry_run,
        retry_failed=retry_failed,
        overwrite=overwrite,
        at_once=at_once,
        ahead=ahead,
        price=price_per_hour,
        is_on_cluster=ray is not None,
        quiet=quiet,
    )
    try:
        settings = settings_of(
            model=model,
            adapter=adapter,
            devices=devices,
            precision=precision,
            threads=threads,
            ray_address=ray,
        )
        options = TranscriptionOptions(
            decoding=DecodingOptions(
                task="translate" if translate else "transcribe",
                language=language_code(language) if language else None,
                prompt=prompt,
                hotwords=hotwords,
                beam_size=beam_size,
                ranking=ranking,
            ),
            speech=SpeechOptions(skip_silence=vad),
            script=script_of(language) if language else None,
        )
        totals = carry_out(asked, settings, options, console)
    except ValidationError as error:
        _stop(console, complaint(error), WRONG_USE)
    except (DecodingError, UnsupportedRequest, ValueError) as error:
        _stop(console, str(error), WRONG_USE)
    except (AudioUnavailable, WorkspaceInUse) as error:
        _stop(console, str(error), TRY_AGAIN)
    except (OutputFailed, RunStopped, OSError) as error:
        _stop(console, f"{error}; run the same command again to go on", TRY_AGAIN)
    except KeyboardInterrupt:
        _stop(console, "interrupted; run the same command again to go on", INTERRUPTED)
    if totals is not None and totals.failed:
        raise typer.Exit(PROBLEM)


def _stop(console: Console, message: str, code: int) -> NoReturn:
    tell(console, message, "red")
    raise typer.Exit(code)


if __name__ == "__main__":
    cli(prog_name="python -m bulk")
