"""The kinds of files that people have: each made here by ffmpeg, with a tone at a known second.

`docs/formats.md` is made of this table; `python tests/transcription/kinds.py` writes it.
"""

from __future__ import annotations

import functools
import random
import struct
import subprocess
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transcription.ffmpeg import bundled_ffmpeg

SECONDS = 10.0
TONE = 7.0  # where the marker begins in the source, and how long it is
TONE_HZ = 1000
PICTURE = (*("-f", "lavfi", "-i", f"color=size=64x64:rate=5:duration={SECONDS}"), "-threads", "1")
# Of a good camera: the first 5 seconds of it are more than the first look at a file reads.
RICH_PICTURE = (
    *("-f", "lavfi", "-i", "color=gray:size=320x240:rate=25:duration=5,noise=alls=100:allf=t"),
    *("-threads", "1"),
)
RATE = 44_100
Input = tuple[str, ...]
"""Arguments of ffmpeg that read some sound; `of` is it where it is not the tone."""


def ffmpeg(*arguments: object) -> None:
    command = [bundled_ffmpeg(), "-v", "error", "-nostdin", "-y", *arguments]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@functools.cache
def source(seconds: float = SECONDS, tone: float = TONE, rate: int = RATE) -> tuple[str, ...]:
    """ffmpeg's input: a quiet hum with half a second of a loud tone."""
    times = np.arange(round(seconds * rate)) / rate
    loud = 0.5 * np.sin(2 * np.pi * TONE_HZ * times) * ((times >= tone) & (times < tone + 0.5))
    sound = 0.02 * np.sin(2 * np.pi * 220 * times) + loud
    path = Path(_FOLDER.name) / f"{seconds}-{tone}-{rate}.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.round(sound * 32_767).astype("<i2").tobytes())
    return ("-i", str(path))


_FOLDER = tempfile.TemporaryDirectory(prefix="kinds-")
Make = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A file called `name`, made by `make`; its length and where a player shows the tone, seconds.

    `warning`: words of what a transcript of it must say, None: that nothing is odd.
    """

    name: str
    what: str
    make: Make
    duration: float = SECONDS
    tone: float = TONE
    warning: str | None = None


def coded(*codec: str, rate: int = 44_100) -> Make:
    return lambda path: ffmpeg(*source(rate=rate), *codec, path)


def filmed(*codec: str) -> Make:
    return lambda path: ffmpeg(*PICTURE, *source(), *codec, path)


def dropped(*codec: str, of: Input | None = None, since: float = 2) -> Make:
    """Without three seconds, as after a dropout of the net: the packets are gone."""

    def make(path: Path) -> None:
        whole = path.with_name(f"whole-{path.name}")
        ffmpeg(*(of or source()), *codec, whole)
        drop = f"noise=drop='between(pts*tb\\,{since}\\,{since + 3})'"
        ffmpeg("-i", whole, "-c", "copy", "-bsf:a", drop, path)

    return make


def late(seconds: float, *codec: str, of: Input | None = None, picture: Input = PICTURE) -> Make:
    """A film whose sound begins so long after its picture."""
    return lambda path: ffmpeg(*picture, "-itsoffset", seconds, *(of or source()), *codec, path)


def damaged(*codec: str, of: Input | None = None, share: tuple[float, float] = (0.25, 0.5)) -> Make:
    """With noise in place of its middle."""

    def make(path: Path) -> None:
        ffmpeg(*(of or source()), *codec, path)
        content = bytearray(path.read_bytes())
        start, end = (int(len(content) * part) for part in share)
        content[start:end] = random.Random(7).randbytes(end - start)
        path.write_bytes(content)

    return make


def with_cover(*codec: str) -> Make:
    def make(path: Path) -> None:
        cover = path.with_name("cover.png")
        ffmpeg("-f", "lavfi", "-i", "color=size=640x640", "-frames:v", "1", cover)
        maps = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
        ffmpeg(*source(), "-i", cover, *maps, *codec, path)

    return make


def with_chapters(path: Path) -> None:
    chapters = path.with_name("chapters.txt")
    chapter = "[CHAPTER]\nTIMEBASE=1/1\nSTART={}\nEND={}\ntitle=Part\n"
    chapters.write_text(";FFMETADATA1\n" + chapter.format(0, 5) + chapter.format(5, 10))
    ffmpeg(*source(), "-i", chapters, "-map_chapters", "1", "-c:a", "aac", "-f", "ipod", path)


def with_tags_of_junk(path: Path) -> None:
    """An ID3 tag of 200 kB of noise before the sound and an old one behind it."""
    ffmpeg(*source(), "-c:a", "libmp3lame", path)
    size = 200_000
    packed = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    # 0xFF begins a frame of sound
    junk = bytes(byte & 0x7F for byte in random.Random(3).randbytes(size))
    path.write_bytes(b"ID3\3\0\0" + packed + junk + path.read_bytes() + b"TAG" + bytes(125))


def under_another_name(name: str) -> Make:
    def make(path: Path) -> None:
        honest = path.with_name(name)
        ffmpeg(*source(), honest)
        honest.rename(path)

    return make


def unseekable(form: str, *codec: str) -> Make:
    """As a browser or a pipe writes it: nobody went back to say how long it is."""

    def make(path: Path) -> None:
        command = [str(bundled_ffmpeg()), "-v", "error", "-nostdin", *source(), *codec]
        with path.open("wb") as file:
            subprocess.run([*command, "-f", form, "pipe:1"], check=True, stdout=file)

    return make


def mp3_without_header(path: Path) -> None:
    variable = ("-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0", "-id3v2_version", "0")
    ffmpeg(*source(), *variable, path)


def only_late(*codec: str, of: Input | None = None) -> Make:
    """Sound alone, whose edit list begins with four empty seconds."""
    return lambda path: ffmpeg("-itsoffset", 4, *(of or source()), *codec, path)


def brief(path: Path) -> None:
    ffmpeg(*source(seconds=0.1, tone=0.05), path)


def twelve_hours(path: Path) -> None:
    """Half a second of a tone in silence, of which the disk keeps nothing: a file with holes."""
    rate = 1_000
    sound_bytes = round(LONGEST * rate * 2)
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + sound_bytes) + b"WAVEfmt " + form
    head += b"data" + struct.pack("<I", sound_bytes)
    loud = np.round(8_000 * np.sin(np.pi / 2 * np.arange(rate // 2))).astype("<i2")
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + round(LATE_TONE * rate * 2))
        file.write(loud.tobytes())
        file.truncate(len(head) + sound_bytes)


AAC, OPUS, VORBIS, MP3 = (
    ("-c:a", "aac"),
    ("-c:a", "libopus"),
    ("-c:a", "libvorbis"),
    ("-c:a", "libmp3lame"),
)
MP2 = ("-c:a", "mp2")
VP8 = ("-c:v", "libvpx")
RICH = ("-c:v", "mpeg2video", "-q:v", "1", "-qmin", "1")
H263 = ("-c:v", "h263", "-s", "176x144")
NARROW = ("-ar", "8000", "-ac", "1")
LONG_NAME = f"{'n' * 200}.m4a"

PLAIN = (
    Kind("sound.wav", "WAV, 16 bits", coded()),
    Kind("24-bit.wav", "WAV, 24 bits", coded("-c:a", "pcm_s24le")),
    Kind("float.wav", "WAV, 32-bit float", coded("-c:a", "pcm_f32le")),
    Kind("8-bit.wav", "WAV, 8 bits", coded("-c:a", "pcm_u8")),
    Kind("mu-law.wav", "WAV, mu-law (telephone)", coded("-c:a", "pcm_mulaw", *NARROW)),
    Kind("a-law.wav", "WAV, A-law (telephone)", coded("-c:a", "pcm_alaw", *NARROW)),
    Kind("adpcm.wav", "WAV, Microsoft's ADPCM", coded("-c:a", "adpcm_ms")),
    Kind("ima.wav", "WAV, IMA ADPCM (dictaphones)", coded("-c:a", "adpcm_ima_wav")),
    Kind("g723.wav", "WAV, G.723.1 (telephone systems)",
         coded("-c:a", "g723_1", "-b:a", "6300", *NARROW)),
    Kind("96-kHz.wav", "WAV, 96 kHz", coded(rate=96_000)),
    Kind("8-kHz.wav", "WAV, 8 kHz", coded(*NARROW)),
    Kind("six-channels.flac", "FLAC, 6 channels", coded("-ac", "6")),
    Kind("piped.wav", "WAV out of a pipe, its length unknown", unseekable("wav")),
    Kind("sound.w64", "Wave64", coded()),
    Kind("sound.aiff", "AIFF", coded()),
    Kind("sound.au", "AU", coded()),
    Kind("sound.caf", "CAF, PCM", coded("-c:a", "pcm_s16be")),
    Kind("sound.flac", "FLAC", coded()),
    Kind("sound.wv", "WavPack", coded()),
    Kind("sound.tta", "True Audio", coded()),
    Kind("sound.m4a", "M4A, AAC", coded(*AAC)),
    Kind("index-first.m4a", "M4A, its index before the sound",
         coded(*AAC, "-movflags", "faststart")),
    Kind("lossless.m4a", "M4A, Apple Lossless", coded("-c:a", "alac")),
    Kind("chapters.m4b", "M4B with chapters", with_chapters),
    Kind("sound.mp3", "MP3", coded(*MP3)),
    Kind("variable.mp3", "MP3 of variable rate without a header", mp3_without_header),
    Kind("sound.mp2", "MP2", coded("-c:a", "mp2")),
    Kind("cover.mp3", "MP3 with a cover picture", with_cover(*MP3)),
    Kind("cover.m4a", "M4A with a cover picture", with_cover(*AAC)),
    Kind("tags.mp3", "MP3 with 200 kB of junk in its tag", with_tags_of_junk),
    Kind("sound.aac", "raw AAC (ADTS)", coded(*AAC)),
    Kind("sound.ac3", "AC-3", coded("-c:a", "ac3")),
    Kind("sound.eac3", "E-AC-3", coded("-c:a", "eac3")),
    Kind("sound.amr", "AMR (telephone)", coded("-c:a", "libopencore_amrnb", *NARROW)),
    Kind("sound.ogg", "Ogg, Vorbis", coded(*VORBIS)),
    Kind("sound.opus", "Ogg, Opus", coded(*OPUS)),
    Kind("flac.oga", "Ogg, FLAC", coded("-c:a", "flac")),
    Kind("sound.wma", "Windows Media Audio", coded("-c:a", "wmav2")),
    Kind("sound.mka", "Matroska, sound alone", coded("-c:a", "pcm_s16le")),
    Kind("sound.webm", "WebM, Opus", coded(*OPUS)),
    Kind("recorder.webm", "WebM of a browser's recorder, its length unknown",
         unseekable("webm", *OPUS)),
    Kind("memo.qta", "QuickTime Audio (voice memo)", coded(*AAC, "-f", "mov")),
    Kind("film.mp4", "MP4 film", filmed(*AAC)),
    Kind("film.m4v", "M4V film", filmed(*AAC)),
    Kind("film.mov", "QuickTime film with a track of time codes",
         filmed(*AAC, "-timecode", "01:00:00:00")),
    Kind("film.mkv", "Matroska film", filmed(*AAC)),
    Kind("film.webm", "WebM film", filmed(*OPUS, *VP8)),
    Kind("film.avi", "AVI film", filmed(*MP3)),
    Kind("film.flv", "Flash film", filmed(*AAC)),
    Kind("film.wmv", "Windows Media film", filmed("-c:a", "wmav2")),
    Kind("film.mpg", "MPEG film", filmed(*MP2, "-r", "25")),
    Kind("film.ts", "MPEG transport stream", filmed(*AAC)),
    Kind("film.mts", "MPEG transport stream of a camera (AC-3)",
         filmed("-c:a", "ac3", "-f", "mpegts")),
    Kind("film.3gp", "3GP film, AMR", filmed("-c:a", "libopencore_amrnb", *NARROW, *H263)),
    Kind("a-wav.mp3", "a WAV under another suffix", under_another_name("a.wav")),
    Kind("no-suffix", "no suffix", under_another_name("b.m4a")),
    Kind("запись 会議 🎙.m4a", "a name that is not ASCII", coded(*AAC)),
    Kind(LONG_NAME, "a name of 200 characters", coded(*AAC)),
    Kind("brief.wav", "a clip of 0.1 s", brief, duration=0.1, tone=0.05),
)  # fmt: skip

LONGEST = 12 * 3600.0  # of what is read
LATE_TONE = 41_000.0
LONG = Kind("twelve-hours.wav", "12 hours of WAV", twelve_hours, LONGEST, LATE_TONE)


GAPS = (
    *(Kind(f"gap.{suffix}", f"{name} with a gap of 3 s", dropped(*codec), warning="kept as silence")
      for suffix, name, codec in (
          ("m4a", "M4A", AAC), ("mp4", "MP4", AAC), ("3gp", "3GP", AAC), ("mkv", "Matroska", AAC),
          ("mka", "Matroska, Vorbis", VORBIS), ("webm", "WebM", OPUS),
          ("ogg", "Ogg, Vorbis", VORBIS),
          ("opus", "Ogg, Opus", OPUS), ("ts", "MPEG transport stream", AAC), ("flv", "Flash", AAC),
          ("mpg", "MPEG", MP2), ("wma", "Windows Media Audio", ("-c:a", "wmav2")),
      )),
)  # fmt: skip

STARTS = (
    *(Kind(f"late.{suffix}", f"{name} whose sound begins 4 s after the picture", late(4, *codec),
           duration=SECONDS + 4, tone=TONE + 4)
      for suffix, name, codec in (
          ("mp4", "MP4", AAC), ("mov", "QuickTime", AAC), ("mkv", "Matroska", AAC),
          ("webm", "WebM", (*OPUS, *VP8)), ("ts", "MPEG transport stream", AAC),
          ("flv", "Flash", AAC), ("wmv", "Windows Media", ("-c:a", "wmav2")),
          ("3gp", "3GP", (*AAC, *H263)), ("mpg", "MPEG", (*MP2, "-r", "25")),
      )),
    *(Kind(f"far.{suffix}", f"{name} whose sound begins 4 s and 14 MB after the picture",
           late(4, *codec, *RICH, picture=RICH_PICTURE), duration=SECONDS + 4, tone=TONE + 4)
      for suffix, name, codec in (("mts", "MPEG transport stream", AAC), ("vob", "MPEG", MP2))),
    *(Kind(f"early.{suffix}", f"{name} whose sound begins 2 s before the picture", late(-2, *codec),
           duration=SECONDS - 2 * cut, tone=TONE - 2 * cut)
      # an MP4 and a QuickTime film cut it away; elsewhere the clock begins with the sound
      for suffix, name, codec, cut in (
          ("mp4", "MP4", AAC, 1), ("mov", "QuickTime", AAC, 1), ("mkv", "Matroska", AAC, 0),
          ("ts", "MPEG transport stream", AAC, 0), ("flv", "Flash", AAC, 0),
      )),
    # nothing begins before it: that is where a player's clock begins
    *(Kind(f"alone.{suffix}", f"{name}, sound alone with 4 s on its clock when it begins",
           only_late(*codec))
      for suffix, name, codec in (("webm", "WebM", OPUS), ("opus", "Ogg, Opus", OPUS),
                                  ("ts", "MPEG transport stream", AAC))),
    Kind("edit-list.m4a", "M4A whose edit list begins with 4 empty seconds", only_late(*AAC),
         duration=SECONDS + 4, tone=TONE + 4),
)  # fmt: skip

WIDE_OPUS = (*OPUS, "-b:a", "256k")
IN_PLACE = "what follows is in its place"
DAMAGED = (
    *(Kind(f"damaged.{suffix}", f"{name}, a quarter of it overwritten", damaged(*codec),
           warning=IN_PLACE)
      for suffix, name, codec in (
          ("m4a", "M4A", AAC), ("lossless.m4a", "Apple Lossless", ("-c:a", "alac")),
          ("flac", "FLAC", ()), ("webm", "WebM", (*WIDE_OPUS, "-cluster_time_limit", "1000")),
          ("mkv", "Matroska", AAC),
          ("ogg", "Ogg, Vorbis", VORBIS), ("opus", "Ogg, Opus", WIDE_OPUS),
          ("ts", "MPEG transport stream", AAC), ("flv", "Flash", AAC),
          ("mpg", "MPEG", MP2), ("wma", "Windows Media Audio", ("-c:a", "wmav2")),
      )),
)  # fmt: skip

# No times in the file: what is behind the damage moves up, in a player too, and the transcript says
# from where on.
CLOSED_UP = (
    *(Kind(f"closed-up.{suffix}", f"{name}, a quarter of it overwritten", damaged(*codec),
           warning="times after that may be early")
      for suffix, name, codec in (
          ("mp3", "MP3", MP3), ("aac", "raw AAC", AAC), ("ac3", "AC-3", ("-c:a", "ac3")),
      )),
)  # fmt: skip

ON_THE_CLOCK = (*PLAIN, *GAPS, *STARTS, *DAMAGED)


def tone_of(samples: np.ndarray) -> float:
    """Where the marker begins in 16 kHz samples, in seconds."""
    frame = 160
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(float)
    wave = np.exp(-2j * np.pi * TONE_HZ * np.arange(frame) / 16_000)
    loud = np.flatnonzero(np.abs(whole @ wave) * 2 / frame > 2000)
    assert loud.size, "the tone is there"
    return float(loud[0]) * frame / 16_000


REFUSED = (
    ("Encrypted (DRM) files", "`encrypted_audio`",
     "they decode to noise, in which a model hears words"),
    ("Video without sound, pictures", "`no_audio_track`", "there is nothing to hear"),
    ("Playlists, and films whose sound lies in another file", "`unsupported_media`",
     "only the file that was sent is opened"),
    ("Olympus DS2 (`.ds2`)", "`unsupported_media`",
     "its codec is the maker's secret; DSS Player saves it as WAV or MP3"),
    ("RealMedia, MIDI, trackers, game music, TrueHD, Musepack, DSD", "`unsupported_media`",
     "decoders that few people need and nobody has hardened"),
    ("Below 1 kHz, above 384 kHz, more than 32 channels or 64 tracks", "`invalid_audio_parameters`",
     "no speech is recorded so; bombs are"),
    ("More than 12 hours", "`audio_too_long`", "`LONGFORM_MAX_AUDIO_SECONDS` changes it"),
    ("Cut off before an index that lies at the end, or damaged all over", "`corrupt_audio`",
     "without it nobody finds a sample"),
)  # fmt: skip

HEAD = """# What is read, on which clock, and what is refused

This page is made of the table that the tests go through (`python tests/transcription/kinds.py`
writes it): each file below is built by ffmpeg, decoded, and must have its length and a marker
tone within 0.1 s of where a player shows them. Names and suffixes mean nothing to the service,
which looks at the bytes; a folder is searched by suffix.

The clock is a player's: it begins where the first track of the file begins, in MP4 and QuickTime
where their own clock does. Where the file has no sound there is silence. It is believed up to a
bound: a gap of an hour, and of a minute and 60 times the sound before it; in all 6 hours, and an
hour and a second per 750 bytes of the file. Gaps of half a second and more, damage and disbelief
are in the `warnings` of the transcript. AVI has no times that ffmpeg would read: its sound begins
with the film, and what it leaves empty closes up.

Of several audio tracks the one that the file flags is heard, the first that can be decoded if
that cannot; a warning names the others, `audio_track=N` chooses, `channels=tracks` hears each as
a speaker. A track of an MPEG stream is one that begins within its first 64 MB; others that it
announces are named.
"""


SECTIONS = (
    ("Read", (*PLAIN, LONG)),
    ("Gaps stay gaps", GAPS),
    ("Starts stay where they are", STARTS),
    ("Damage where a file has times: what follows stays in place", DAMAGED),
    ("Damage where it has none: what follows moves up, and a warning says from where", CLOSED_UP),
)


def page() -> str:
    """The text of docs/formats.md."""
    parts = [HEAD]
    for title, kinds in SECTIONS:
        parts.append(f"\n## {title}\n\n| file | what it is | length, s | tone at, s |\n")
        parts.append("|---|---|---|---|\n")
        parts += [
            _row(kind, "earlier" if kinds is CLOSED_UP else f"{kind.tone:g}") for kind in kinds
        ]
    parts.append("\n## Refused\n\n| what | code | why |\n|---|---|---|\n")
    parts += [f"| {what} | {code} | {why} |\n" for what, code, why in REFUSED]
    return "".join(parts)


def _row(kind: Kind, tone: str) -> str:
    length = "less" if tone == "earlier" else f"{kind.duration:g}"
    name = kind.name if len(kind.name) < 40 else f"{kind.name[:8]}…"
    return f"| `{name}` | {kind.what} | {length} | {tone} |\n"


if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "formats.md").write_text(page(), encoding="utf-8")
