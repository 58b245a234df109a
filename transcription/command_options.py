"""Options that several commands have: how they are written, what their help says, where it stands.

Their defaults are in the options of each stage; a command says which it takes.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from decoding.types import Ranking
from transcription.settings import Settings

MODEL, SPEECH, SEARCH = "Model", "What is said", "Search"
WINDOWS, FILES = "Windows and silence", "Files and report"

ModelName = Annotated[
    str | None,
    typer.Option(
        help="base, tiny … large-v3, turbo, demo, or a checkpoint's path. [LONGFORM_MODEL]",
        rich_help_panel=MODEL,
    ),
]
Adapter = Annotated[
    Path | None, typer.Option(help="Folder of a LoRA adapter.", rich_help_panel=MODEL)
]
Devices = Annotated[
    str | None,
    typer.Option(
        "--device", help="auto, cpu, cuda:0, all. [LONGFORM_DEVICES]", rich_help_panel=MODEL
    ),
]
GivenPrecision = Annotated[
    str | None,
    typer.Option(
        help="auto (the quickest that keeps the words), fp32, bf16, fp16, or int8 for processors. "
        "[LONGFORM_PRECISION]",
        rich_help_panel=MODEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        help="Threads on a processor; all that may be used if not given. [LONGFORM_THREADS]",
        rich_help_panel=MODEL,
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        help="ISO 639-1 code or English name; detected over several windows if not given. "
        "zh-CN and zh-TW choose the script.",
        rich_help_panel=SPEECH,
    ),
]
Translate = Annotated[
    bool, typer.Option("--translate", help="Into English.", rich_help_panel=SPEECH)
]
Prompt = Annotated[
    str | None,
    typer.Option(
        help="Text that every window sees before it: names, spelling, style.",
        rich_help_panel=SPEECH,
    ),
]
Hotwords = Annotated[str | None, typer.Option(help="Words to listen for.", rich_help_panel=SPEECH)]
BeamSize = Annotated[
    int,
    typer.Option(
        help="Beams per window, 1 to 16. 1 is greedy: faster, some more errors.",
        rich_help_panel=SEARCH,
    ),
]
HypothesisRanking = Annotated[
    Ranking,
    typer.Option(
        "--ranking",
        help="Which of the texts that several beams found is taken, at temperature 0. "
        "minimum_bayes_risk: the one with the fewest errors to be expected. likelihood: the "
        "likeliest, openai-whisper's rule.",
        rich_help_panel=SEARCH,
    ),
]
Vad = Annotated[
    bool,
    typer.Option(
        help="Skip stretches without speech, and words made up in them.",
        rich_help_panel=WINDOWS,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress bar, no notes.", rich_help_panel=FILES),
]


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"longform {_installed()}")
        raise typer.Exit


def _installed() -> str:
    try:
        return version("whisper-longform")
    except PackageNotFoundError:
        return "of a version that is not installed"


Version = Annotated[
    bool,
    typer.Option(
        "--version", callback=_tell_version, is_eager=True, help="Say which version this is."
    ),
]


def settings_of(**given: Any) -> Settings:
    """Settings of the environment, but for what was given (is not None).

    Raises pydantic's ValidationError for a value that cannot be.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    return Settings(**chosen)
