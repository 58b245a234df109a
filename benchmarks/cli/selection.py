"""Options with which several commands choose recordings and recognisers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.datasets.registry import folder_of, load
from benchmarks.datasets.types import LoadOptions
from benchmarks.items import Item
from benchmarks.normalizers import NORMALIZERS
from benchmarks.peers.registry import OURS, PEERS, card_of
from benchmarks.peers.types import PeerSpec
from benchmarks.sound import check_all

DATA = Path("data/benchmarks")
PEER_NAMES = ", ".join(name for name in PEERS if name != OURS)
NORMALIZER_NAMES = ", ".join(NORMALIZERS)

DatasetName = Annotated[
    str,
    typer.Option(
        "--dataset", "-d", help="Data set by name (see `datasets`), `folder` or `manifest`."
    ),
]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        "-p",
        help=f"Another recogniser: {PEER_NAMES} or http://HOST/v1; repeatable.",
    ),
]
Normalizers = Annotated[
    list[str] | None,
    typer.Option(
        "--normalizer",
        "-n",
        help=f"{NORMALIZER_NAMES}; repeatable, chosen by language if not given.",
    ),
]
Ours = Annotated[bool, typer.Option(help="Measure this repository's pipeline, too.")]
ApiKey = Annotated[str | None, typer.Option(help="Key for a server given as --peer.")]
Root = Annotated[
    Path | None,
    typer.Option(help="Where the set lies, if not in the data folder; a file for `manifest`."),
]
DataFolder = Annotated[Path, typer.Option("--data", help="Folder of downloaded data sets.")]
Split = Annotated[str, typer.Option(help="Part of the set: test, dev, test-other, …")]
Language = Annotated[
    str | None, typer.Option(help="Language, for sets of several (hi, hi_in) and your own.")
]
Subset = Annotated[str | None, typer.Option(help="A published part: eval10, subset10, DCB, …")]
Clips = Annotated[
    int, typer.Option(min=0, help="Clips joined to one recording; 1 keeps them apart.")
]
Gap = Annotated[float, typer.Option(min=0.0, help="Seconds of silence between joined clips.")]
Trim = Annotated[bool, typer.Option("--trim-silence", help="Cut silence out of joined clips.")]
Shuffle = Annotated[int | None, typer.Option(help="Shuffle clips with this seed before joining.")]
UseNorm = Annotated[
    bool, typer.Option("--norm", help="Readings of Rev's norm.json count as right.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many recordings.")]
Model = Annotated[str, typer.Option("--model", "-m", help="Whisper model for every recogniser.")]
Device = Annotated[
    str, typer.Option(help="cpu, cuda:0, or several with commas: each takes a share.")
]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16, fp16 or int8.")]
Beam = Annotated[int, typer.Option("--beam", min=1, max=16, help="Beam size; 1 is greedy.")]
Batch = Annotated[
    int, typer.Option("--batch", min=1, help="Windows at once, where there are batches.")
]
PreviousText = Annotated[
    bool,
    typer.Option(help="Sequential peers prompt each window with the text before it (default)."),
]
RunFolder = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder of the run; the same one goes on.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads of each recogniser.")]


def choose_items(
    dataset: str, root: Path | None, data: Path, options: LoadOptions, limit: int | None
) -> tuple[Item, ...]:
    """Recordings of the chosen set, all of them there. Raises SoundMissing."""
    items = load(dataset, folder_of(dataset, root, data), options)[:limit]
    check_all(items)
    return items


def choose_systems(peers: Sequence[str], spec: PeerSpec, with_ours: bool) -> list[PeerSpec]:
    """Ours first, then the others as named; a name that is unknown is an error."""
    kinds = ([OURS] if with_ours else []) + [peer for peer in peers if peer != OURS]
    for kind in kinds:
        card_of(kind)
    return [PeerSpec.from_json({**spec.to_json(), "kind": kind}) for kind in dict.fromkeys(kinds)]
