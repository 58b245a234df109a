"""The look at a file before it is decoded: what its tracks are, which is heard, when it begins.

Opens no decoder where a file has one track; of several it tries one packet each, for the first that
can be decoded is better than an error. What a header says about length is never believed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transcription.boxes import is_fragmented
from transcription.decoder_runs import Runs, undecodable
from transcription.errors import (
    CorruptAudio,
    EmptyFile,
    EncryptedAudio,
    InvalidParameters,
    NoAudioTrack,
    TranscriptionError,
    UnsupportedMedia,
    UnsupportedRequest,
)
from transcription.ffmpeg import MAX_STREAMS, ChildLimits, Outcome
from transcription.first_packets import FirstPackets, find_first_packets
from transcription.options import Channels
from transcription.sniffing import (
    is_dictation,
    is_elsewhere,
    is_locked,
    is_pcm_without_bits,
    is_sound_container,
    is_wav_without_sound,
)
from transcription.track_listing import ListedTrack, Listing

SENSELESS = re.compile(r"[Ii]nvalid (sample rate|channel|bits|block)|exp -?\d+ is out of range")
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
# Formats whose times ffmpeg counts from the start of the track that is decoded, not of the file.
FROM_THE_TRACK = frozenset(("mpegts", "mpeg", "ogg"))
MATROSKA = "matroska,webm"
# Formats that say when they end, not how long they are.
TO_THE_END = frozenset((MATROSKA, "ogg"))
ROUNDING = 0.03
STEREO = "stereo"
WAV_CHANNELS_OFFSET = 22


@dataclass(frozen=True, slots=True)
class SampleLimits:
    """Sample rates in hertz and channels that are read."""

    min_rate: int
    max_rate: int
    max_channels: int


@dataclass(frozen=True, slots=True)
class Sound:
    """One track that is heard. `index` counts audio tracks from 0; `lead`: seconds that its times
    are short of the file's clock."""

    index: int
    codec: str
    sample_rate: int
    layout: str
    lead: float

    @property
    def is_stereo(self) -> bool:
        return self.layout == STEREO


@dataclass(frozen=True, slots=True)
class Look:
    """What is heard of a file. `duration` is what the file claims; `warnings` name what is not
    heard; `runs` read the file as it has to be."""

    format: str
    duration: float | None
    has_video: bool
    sounds: tuple[Sound, ...]
    runs: Runs
    warnings: tuple[str, ...] = ()


def look_at(
    runs: Runs, limits: ChildLimits, samples: SampleLimits, channels: Channels, wanted: int | None
) -> Look:
    """Choose the tracks that are heard: all of them for "tracks", else `wanted`, counted from 1,
    else the one that the file flags, else the first that can be decoded.

    Raises the errors of `transcription.errors`."""
    packets = find_first_packets(runs, limits)
    runs, listing = packets.runs, packets.listing
    if is_elsewhere(runs.source):
        raise UnsupportedMedia("The file only refers to sound in another file; give that one.")
    if packets.outcome.status != 0:
        raise _refusal(runs, packets.outcome)
    if "Encryption info" in packets.text or is_locked(runs.source):
        raise EncryptedAudio("The audio is encrypted (DRM); give an unprotected file.")
    found = _sounds(packets, limits)
    chosen = _chosen(_Choice(runs, limits, listing), found, channels, wanted)
    for sound in chosen:
        _check(runs, sound, samples)
    unheard = tuple(sound.index for sound in found if sound not in chosen)
    return Look(
        listing.format,
        _length(listing),
        listing.has_video,
        chosen,
        runs,
        (*_unheard(listing, unheard), *_announced(packets, found)),
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    runs: Runs
    limits: ChildLimits
    listing: Listing

    def track(self, sound: Sound) -> ListedTrack | None:
        tracks = self.listing.tracks
        return tracks[sound.index] if sound.index < len(tracks) else None

    def is_default(self, sound: Sound) -> bool:
        track = self.track(sound)
        return track is not None and track.is_default

    def can_be_decoded(self, sound: Sound) -> bool:
        """Whether its first packet is; a track that begins late is believed."""
        arguments = ("-map", f"0:a:{sound.index}", "-frames:a", "1", "-f", "framecrc")
        _, outcome = self.runs.short(arguments, self.limits, before=("-t", "30"))
        return outcome.status == 0


def _chosen(
    choice: _Choice, found: tuple[Sound, ...], channels: Channels, wanted: int | None
) -> tuple[Sound, ...]:
    if wanted is not None:
        return (_wanted(choice.listing, found, wanted),)
    if len(found) == 1:
        return found
    if channels == "tracks":
        return tuple(filter(choice.can_be_decoded, found)) or found[:1]
    ordered = sorted(found, key=choice.is_default, reverse=True)
    return (next(filter(choice.can_be_decoded, ordered), ordered[0]),)


def _wanted(listing: Listing, found: tuple[Sound, ...], number: int) -> Sound:
    """The audio track of that number, counted from 1."""
    for sound in found:
        if sound.index == number - 1:
            return sound
    if number <= len(listing.tracks):
        raise UnsupportedRequest(f"audio_track is {number}, and that track has no sound.")
    count = max(len(listing.tracks), len(found))
    raise UnsupportedRequest(
        f"audio_track is {number}, and the file has {count} audio track{'s' if count > 1 else ''}."
    )


def _sounds(packets: FirstPackets, limits: ChildLimits) -> tuple[Sound, ...]:
    """Every audio track that begins, in the order of the file."""
    tables = [
        dict(re.findall(rf"^#{name} (\d+): (.+)$", packets.text, re.MULTILINE))
        for name in ("codec_id", "sample_rate", "channel_layout_name")
    ]
    complete = [number for number in tables[0] if all(number in table for table in tables)]
    if not complete:
        raise InvalidParameters("The file does not say its sample rate or its channels.")
    listing = packets.listing
    origin = _origin(packets.runs, limits, listing)
    codecs, rates, layouts = tables
    sounds = []
    for number in sorted(complete, key=int):
        index = packets.index(int(number))
        lead = origin + _own_start(listing, index)
        sounds.append(Sound(index, codecs[number], int(rates[number]), layouts[number], lead))
    return tuple(sounds)


def _length(listing: Listing) -> float | None:
    """Seconds from where the first track begins, as the file claims them."""
    if listing.duration is None or listing.format not in TO_THE_END:
        return listing.duration
    return max(0.0, listing.duration - listing.start)


def _origin(runs: Runs, limits: ChildLimits, listing: Listing) -> float:
    """Seconds before what ffmpeg takes for the first track of the file.

    The clock of an MP4 begins at 0 whatever its tracks do; that of a fragmented one is the
    recorder's, of which this may be any hour. Of Matroska ffmpeg does not know when a picture
    begins that it must not decode.
    """
    if listing.start > ROUNDING and listing.format == MP4 and not is_fragmented(runs.source):
        return listing.start
    if listing.start > ROUNDING and listing.format == MATROSKA and listing.has_video:
        return max(0.0, -_first_picture(runs, limits))
    return 0.0


def _first_picture(runs: Runs, limits: ChildLimits) -> float:
    """When the first picture is due, in seconds after what ffmpeg takes for the start."""
    arguments = ("-map", "0:V", "-c", "copy", "-frames:v", "1", "-shortest", "-f", "framecrc")
    output, _ = runs.short(arguments, limits)
    text = output.decode("utf-8", "replace")
    unit = re.search(r"^#tb 0: (\d+)/(\d+)$", text, re.MULTILINE)
    due = re.search(r"^0, *-?\d+, *(-?\d+),", text, re.MULTILINE)
    return int(due[1]) * int(unit[1]) / int(unit[2]) if unit and due else 0.0


def _own_start(listing: Listing, index: int) -> float:
    if listing.format not in FROM_THE_TRACK or index >= len(listing.tracks):
        return 0.0
    start = listing.tracks[index].start
    return 0.0 if start is None else max(0.0, start - listing.start)


def _unheard(listing: Listing, indexes: tuple[int, ...]) -> tuple[str, ...]:
    if not indexes:
        return ()
    names = [
        listing.tracks[index].name if index < len(listing.tracks) else str(index + 1)
        for index in indexes
    ]
    are = "track was not heard: " if len(names) == 1 else "tracks were not heard: "
    return (f"{len(names)} more audio {are}{', '.join(names)}. audio_track chooses one.",)


def _announced(packets: FirstPackets, found: tuple[Sound, ...]) -> tuple[str, ...]:
    """What is said of tracks that have no sound as far as was looked."""
    begun = {sound.index for sound in found}
    names = [
        track.name
        for index, track in enumerate(packets.listing.tracks)
        if index not in begun and packets.runs.looks_far
    ]
    if not names:
        return ()
    return (
        "The file announces audio tracks in which no sound was found, and which were not heard: "
        f"{', '.join(names)}.",
    )


def _check(runs: Runs, sound: Sound, limits: SampleLimits) -> None:
    if is_pcm_without_bits(runs.source):
        raise InvalidParameters("The file says that its samples have no bits.")
    if not limits.min_rate <= sound.sample_rate <= limits.max_rate:
        raise InvalidParameters(
            f"The sample rate is {sound.sample_rate} Hz; "
            f"{limits.min_rate} to {limits.max_rate} Hz are read."
        )
    many = re.match(r"(\d+) channels", sound.layout)
    if many and not 1 <= int(many[1]) <= limits.max_channels:
        raise InvalidParameters(
            f"The audio has {many[1]} channels; 1 to {limits.max_channels} are read."
        )


def _refusal(runs: Runs, outcome: Outcome) -> TranscriptionError:
    """Why the look failed, in the words of our errors."""
    complaints = outcome.complaints
    if "matches no streams" in complaints:
        return NoAudioTrack("The file has no audio track.")
    if SENSELESS.search(complaints):
        return InvalidParameters("The sample rate or the channels of the file make no sense.")
    if "max_streams" in complaints:
        return InvalidParameters(f"The file has more than {MAX_STREAMS} tracks.")
    if is_wav_without_sound(runs.source):
        return EmptyFile("The file holds no sound.")
    if is_sound_container(runs.source):
        return CorruptAudio("The file is damaged or was cut off, and could not be read.")
    if is_dictation(runs.source):
        return UnsupportedMedia(
            "The file is a dictation in the format DSS Pro (.ds2), which we do not read; "
            "the recorder's own program can save it as WAV or MP3."
        )
    return UnsupportedMedia(
        "The file is not audio or video that we read "
        "(mp3, m4a, mp4, wav, flac, ogg, opus, webm, aac, amr, wma and others)."
    )


def count_channels(runs: Runs, sound: Sound, limits: ChildLimits, most: int) -> int:
    """Channels of the track as its decoder gives them, from the header of one WAV block."""
    track = ("-map", f"0:a:{sound.index}")
    output, outcome = runs.short(
        (*track, "-c:a", "pcm_s16le", "-frames:a", "1", "-f", "wav"), limits
    )
    header = output[WAV_CHANNELS_OFFSET : WAV_CHANNELS_OFFSET + 2]
    count = int.from_bytes(header, "little")
    if outcome.status != 0 or count == 0:
        raise undecodable(outcome)
    if count > most:
        raise UnsupportedRequest(
            f"The audio has {count} channels; channels=split reads at most {most}."
        )
    return count
