"""Which recordings are measured: a mixture of kinds, so many minutes of it, or over and over.

English speech with a reference alone: error rates stand beside every speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

from benchmarks.datasets.registry import folder_of, load
from benchmarks.datasets.types import LoadOptions
from benchmarks.human.manifest import CLIP_SECONDS, GAP, LENGTH, Joining, load_recordings
from benchmarks.human.types import SPEECH
from benchmarks.items import Item
from benchmarks.sound import check_all, prepare

SHORTEST: Final = 20.0
"""Seconds: what one window hears whole says nothing of long recordings."""
LARGEST: Final = 2 / 3
DATA: Final = Path("data/benchmarks")


@dataclass(frozen=True, slots=True)
class Timed:
    """A recording and its seconds."""

    item: Item
    seconds: float


def choose(folders: Sequence[Path], minutes: float | None, sound_folder: Path) -> list[Timed]:
    """Recordings of the folders' manifests, one of each kind in turn, up to so many minutes; none
    longer than `LARGEST` of them if there are shorter ones. The shipped one without folders.

    Raises ValueError when none is short enough.
    """
    most = math.inf if minutes is None else 60 * minutes
    items = _in_turn(folders, most)
    check_all(items)
    timed = (Timed(item, prepare(item, sound_folder)[1]) for item in items)
    known = [one for one in timed if one.seconds >= SHORTEST]
    chosen = _fitting((one for one in known if one.seconds <= LARGEST * most), most)
    chosen = chosen or _fitting(known, most)
    if not chosen:
        told = "" if minutes is None else f" and at most {minutes:g} minutes"
        raise ValueError(f"no English speech with a reference is of {SHORTEST:g} s or more{told}")
    return chosen


def _fitting(recordings: Iterable[Timed], most: float) -> list[Timed]:
    """From the first on, those that still fit into `most` seconds."""
    chosen: list[Timed] = []
    for one in recordings:
        if total_seconds([*chosen, one]) <= most:
            chosen.append(one)
    return chosen


def total_seconds(recordings: Iterable[Timed]) -> float:
    return sum(one.seconds for one in recordings)


def nearest(recordings: Sequence[Timed], seconds: float) -> Timed:
    """The one whose length is nearest to `seconds`."""
    return min(recordings, key=lambda one: abs(one.seconds - seconds))


def repeated(recordings: Sequence[Timed], minutes: float) -> Item:
    """All of them one after the other, over and over, for about so many minutes: whole rounds, so
    that the mixture is the same at every length."""
    rounds = max(1, round(60 * minutes / total_seconds(recordings)))
    parts = [part for one in recordings for part in one.item.parts]
    parts = [replace(part, gap=max(part.gap, GAP)) for part in parts]
    return Item(
        f"{minutes:g} minutes",
        tuple(parts * rounds),
        " ".join([one.item.reference for one in recordings] * rounds),
        has_choices=any(one.item.has_choices for one in recordings),
    )


def _in_turn(folders: Sequence[Path], most: float) -> list[Item]:
    if not folders:
        return list(load("demo", folder_of("demo", None, DATA), LoadOptions()))
    length = min(LENGTH, max(most / len(SPEECH), CLIP_SECONDS))
    recordings = load_recordings(folders, Joining(length=length))
    by_kind = [[one.item for one in recordings if one.kind == kind] for kind in SPEECH]
    return [item for item in chain(*zip_longest(*by_kind)) if item is not None]
