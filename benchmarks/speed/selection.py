"""Options of `python -m benchmarks speed`: what is run, on what, and where the answer goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.speed import proof
from benchmarks.speed.processor.plan import PARTS

Sizes = Annotated[
    str, typer.Option(help="Sizes with random weights: tiny, base, small, turbo, large-v3.")
]
Batches = Annotated[str, typer.Option(help="Windows at once.")]
Threads = Annotated[str, typer.Option(help="CPU threads of each system.")]
Tokens = Annotated[int, typer.Option(help="Tokens of each window; end-of-text is barred.")]
Beams = Annotated[int, typer.Option(help="Beams of every system.")]
Rounds = Annotated[int, typer.Option(help="Interleaved rounds; medians are reported.")]
Systems = Annotated[str, typer.Option(help="Only these, as in: ours,ctranslate2.")]
Precisions = Annotated[str, typer.Option(help="Only these, as in: int8,fp32.")]
Files = Annotated[
    bool, typer.Option(help="Also whole files with the demo model, word times included.")
]
Audio = Annotated[
    list[Path] | None, typer.Option(help="File for that; the shipped recording if not given.")
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="Model of the whole files, or of the part real.")
]
Device = Annotated[str, typer.Option(help="cpu or cuda:N.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of checkpoints made here.")]
Plot = Annotated[Path | None, typer.Option(help="Write a picture (SVG) there.")]
GpuPart = Annotated[
    bool, typer.Option("--gpu", help="The whole GPU part: correctness, speed, memory, a note.")
]
Correctness = Annotated[
    str,
    typer.Option(
        help="Prove equality with openai-whisper instead of timing: all, or some of "
        f"{','.join(proof.PARTS)}; or real, with --model and --sound of your own."
    ),
]
Sound = Annotated[
    list[Path] | None,
    typer.Option(
        help="For the part real: a folder of speech, or a file. For --processor: a folder with "
        "manifest.jsonl, as `human --help` tells. May be repeated."
    ),
]
Windows = Annotated[
    int | None, typer.Option(min=1, help="For the part real: so many windows, evenly spread.")
]
Load = Annotated[
    bool, typer.Option("--load", help="200 mixed requests at once instead: equality, waiting.")
]
Host = Annotated[bool, typer.Option("--host", help="CPU time of the host beside decoding instead.")]
Cluster = Annotated[
    bool,
    typer.Option(
        "--cluster", help="Scaling over 1, 2, 3 hosts and 16 replicas instead: a timed engine."
    ),
]
Workers = Annotated[
    str,
    typer.Option(
        metavar="URL", help="The same with workers by this Postgres, on this machine, instead."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With --gpu: all of it at toy size, on any device.")
]
Processor = Annotated[
    str,
    typer.Option(
        metavar="PARTS",
        help=f"The processor in tables instead: all, or some of {', '.join(PARTS)} (below).",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.1, help="For --processor: so many minutes of the recordings at most."),
]
Lengths = Annotated[str, typer.Option(help="For the part lengths: minutes of a recording.")]
Markdown = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="For --processor: also write the tables as a note."),
]
