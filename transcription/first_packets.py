"""The first packet of each audio track: what ffmpeg must see before it can say anything of it.

Streams of broadcasters and cameras know the rate of a track by its packets alone. Where one begins
far behind the picture ffmpeg has stopped looking by then, and where one that is announced never
begins it refuses them all. Who is heard is not decided here: that is `sound_look`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from transcription.decoder_runs import Runs
from transcription.ffmpeg import ChildLimits, Outcome
from transcription.track_listing import Listing, read_listing

EVERY_TRACK = ("0:a",)
NOTHING = Listing("", 0.0, None, (), has_video=False)
SAYS_IT_STOPPED = "'probesize'"
SAYS_NO_TRACK = "matches no streams"
# Formats whose tracks may come without having been announced.
UNANNOUNCED = frozenset(("mpegts", "mpeg"))


@dataclass(frozen=True, slots=True)
class FirstPackets:
    """`text`: the packets as framecrc, track n of which is audio track `indexes[n]` of the file;
    None: in the order of the file. `runs`: how the file has to be read from here on."""

    runs: Runs
    outcome: Outcome
    listing: Listing
    text: str
    indexes: tuple[int, ...] | None = None

    def index(self, number: int) -> int:
        return number if self.indexes is None else self.indexes[number]


def find_first_packets(runs: Runs, limits: ChildLimits) -> FirstPackets:
    """Look near the start of the file, then far into it, then only for the tracks that begin."""
    found = _looked(runs, limits, EVERY_TRACK)
    if found.outcome.status != 0 and _may_begin_later(found):
        found = _looked(replace(runs, looks_far=True), limits, EVERY_TRACK)
    beginning = tuple(n for n, track in enumerate(found.listing.tracks) if track.begins)
    if found.outcome.status == 0 or not 0 < len(beginning) < len(found.listing.tracks):
        return found
    some = _looked(found.runs, limits, tuple(f"0:a:{index}" for index in beginning))
    return replace(some, indexes=beginning)


def _looked(runs: Runs, limits: ChildLimits, tracks: tuple[str, ...]) -> FirstPackets:
    maps = tuple(part for track in tracks for part in ("-map", track))
    arguments = (*maps, "-c", "copy", "-frames:a", "1", "-shortest", "-f", "framecrc")
    output, outcome = runs.short(arguments, limits, level="info")
    listing = read_listing(outcome.complaints) or NOTHING
    return FirstPackets(runs, outcome, listing, output.decode("utf-8", "replace"))


def _may_begin_later(found: FirstPackets) -> bool:
    complaints = found.outcome.complaints
    is_unannounced = found.listing.format in UNANNOUNCED and SAYS_NO_TRACK in complaints
    return SAYS_IT_STOPPED in complaints or is_unannounced
