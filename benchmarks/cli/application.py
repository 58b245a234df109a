"""The commands under their names."""

from __future__ import annotations

import typer

from benchmarks.cli import datasets, score
from benchmarks.cli.average import average
from benchmarks.cli.human import human
from benchmarks.cli.prove import prove
from benchmarks.cli.run import run
from benchmarks.cli.seams import seams
from benchmarks.cli.silence import silence
from benchmarks.merge_simulation import command as merge
from benchmarks.speed.command import command as speed

application = typer.Typer(
    name="benchmarks",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    help=(
        "Measure word error rates and speed of this service and of other Whisper recognisers.\n\n"
        "Start with `run` (the shipped recording, no download), then `datasets` to get public "
        "sets, or `run -d folder --root YOUR_FOLDER` for your own recordings with texts. "
        "`prove` measures accuracy parity on your own GPU."
    ),
)

application.command()(run)
application.command()(score.score)
application.command()(score.compare)
application.command()(average)
application.add_typer(datasets.application, name="datasets")
application.command()(seams)
application.command()(silence)
application.command()(human)
application.command("merge")(merge)
application.command("speed")(speed)
application.command()(prove)
