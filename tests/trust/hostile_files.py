"""Over a hundred files that a stranger might send, each made here: playlists that point elsewhere,
headers that lie, what is no sound, and damaged sound. With each, what may be said of it.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.app.planted import wav_of
from transcription.ffmpeg import bundled_ffmpeg

READ = "read"
"""The file is transcribed; all else are codes of errors."""
DAMAGED = frozenset({READ, "corrupt_audio", "unsupported_media", "empty_file", "no_audio_track",
                     "invalid_audio_parameters"})  # fmt: skip
SENSELESS = frozenset({"invalid_audio_parameters"})
NO_SOUND = frozenset({"unsupported_media", "corrupt_audio", "no_audio_track"})
ENCODINGS = {
    "mp3": ("-c:a", "libmp3lame"),
    "m4a": ("-c:a", "aac"),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "flac": ("-c:a", "flac"),
    "webm": ("-c:a", "libopus"),
    "aac": ("-c:a", "aac"),
    "caf": ("-c:a", "alac"),
    "mkv": ("-c:a", "ac3"),
    "wma": ("-c:a", "wmav2"),
}
PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
    "hls climbing": "#EXTM3U\n#EXTINF:2,\n../{name}\n#EXT-X-ENDLIST\n",
    "hls away": "#EXTM3U\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n",
    "hls key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:2,\n{secret}\n',
    "hls master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
    "hls protocols": "#EXTM3U\n#EXTINF:2,\nconcat:{secret}|subfile:{secret}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{secret}'\n",
    "concat near": "ffconcat version 1.0\nfile {name}\n",
    "concat away": "ffconcat version 1.0\nfile '{url}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    "<AdaptationSet><Representation><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "entities": '<!DOCTYPE a [<!ENTITY b "{secret}"><!ENTITY c SYSTEM "file:{secret}">]><a>&c;</a>',
    "svg": '<svg xmlns:x="http://www.w3.org/1999/xlink"><image x:href="file:{secret}"/></svg>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "m3u": "#EXTM3U\n{secret}\n",
    "pls": "[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "rtsp": "rtsptext\nrtsp://{host}/sound\n",
}
HOSTILE_NAMES = (
    *(
        "../../etc/passwd",
        "..\\..\\a.wav",
        "/etc/passwd",
        "C:\\a.wav",
        "a\x00b.wav",
        "a\r\nX: y.wav",
    ),
    *("<img src=x onerror=alert(1)>.wav", "';drop table jobs;--.wav", '"quoted".wav', "`id`.wav"),
    *("$(id).wav", "-i.wav", "--help", "file:a.wav", "http://a/b.wav", "|id.wav", "a;b.wav", "a&b"),
    *(
        "%2e%2e%2fa.wav",
        "%s%n.wav",
        "{0}.wav",
        "म.wav",
        "東京.wav",
        "\u202egnp.wav",
        "é" * 200,
        ".",
    ),
    *(
        "..",
        " ",
        "con.wav",
        "nul",
        "a" * 5000 + ".wav",
        "a/b/c.wav",
        "~root",
        "*.wav",
        "?.wav",
        "\\",
    ),
    *("a\tb.wav", "\ufeffa.wav", "😀.wav", "a.wav.exe", ".htaccess", "=cmd()|a.wav"),
)


@dataclass(frozen=True, slots=True)
class HostileFile:
    """`expected`: everything that may rightly become of it."""

    name: str
    content: bytes
    expected: frozenset[str]


def hostile_files(secret: Path, url: str) -> list[HostileFile]:
    """All of them. `secret`: a recording of somebody else; `url`: a place that nobody may ask."""
    return [*playlists(secret, url), *lying_headers(), *no_sound(), *damaged()]


def playlists(secret: Path, url: str) -> Iterator[HostileFile]:
    places = {"secret": secret, "name": secret.name, "url": url, "host": url.split("/")[2]}
    for name, text in PLAYLISTS.items():
        for ending in ("mp3", "wav"):
            content = text.format(**places).encode()
            yield HostileFile(f"{name}.{ending}", content, frozenset({"unsupported_media"}))


def lying_headers() -> Iterator[HostileFile]:
    for rate in (0, 1, 999, 655_350, 2**31 - 1, 2**32 - 1):
        yield HostileFile(f"{rate} Hz.wav", wav_with(24, "<I", rate), SENSELESS)
    for channels in (0, 64, 65_535):
        yield HostileFile(f"{channels} channels.wav", wav_with(22, "<H", channels), SENSELESS)
    yield HostileFile("no bits.wav", wav_with(34, "<H", 0), SENSELESS)
    yield HostileFile("no block.wav", wav_with(32, "<H", 0), SENSELESS | {READ})
    for length in (0, 10, 2**31, 2**32 - 1):
        yield HostileFile(f"{length} bytes.wav", wav_with(40, "<I", length), DAMAGED)
    yield HostileFile("unknown kind.wav", wav_with(20, "<H", 0x7777), NO_SOUND)
    whole = wav_of(tone(1.0))
    head, sound = whole.split(b"data", 1)
    swallowed = head + b"LIST" + struct.pack("<I", 0x7FFFFFF0) + b"data" + sound
    yield HostileFile("swallowed.wav", swallowed, NO_SOUND)
    yield HostileFile("no data.wav", head, frozenset({"empty_file"}))
    yield HostileFile("no samples.wav", whole[:44], frozenset({"empty_file", "corrupt_audio"}))
    yield HostileFile("one sample.wav", wav_of(tone(1.0)[:1]), DAMAGED)
    yield HostileFile("ten milliseconds.wav", wav_of(tone(0.01)), frozenset({READ}))
    loud = np.full(16_000, -32_768, "<i2")
    yield HostileFile("full scale.wav", wav_of(loud), frozenset({READ}))
    yield HostileFile("silence.wav", wav_of(np.zeros(160_000, "<i2")), frozenset({READ}))
    flac = encoded("flac")
    hours = 100 * 3600 * 16_000
    claim = (flac[21] & 0xF0 | hours >> 32).to_bytes(1, "big") + (hours & 0xFFFFFFFF).to_bytes(4)
    yield HostileFile("a hundred hours.flac", flac[:21] + claim + flac[26:],
                      frozenset({"audio_too_long"}))  # fmt: skip
    yield HostileFile(
        "slow.flac", flac[:18] + b"\0\0\x10" + flac[21:], SENSELESS | {"audio_too_long"}
    )
    too_long = wav_of(np.zeros(301 * 16_000, "<i2"))
    yield HostileFile("too long.wav", too_long, frozenset({"audio_too_long"}))
    locked = encoded("m4a").replace(b"mp4a", b"enca")
    yield HostileFile("locked.m4a", locked, frozenset({"encrypted_audio"}))


def no_sound() -> Iterator[HostileFile]:
    noise = random.Random(1).randbytes(65_536)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../../evil.wav", bytes(5_000_000))
    pixels = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + pixels
    picture += struct.pack(">I", zlib.crc32(b"IHDR" + pixels))
    packed_sound = gzip.compress(wav_of(tone(1.0)))
    contents = {
        "one byte": b"x",
        "noise": noise,
        "text": b"just words\n" * 900,
        "page": b"<html>sign in",
        "answer": b'{"error": "not found"}',
        "paper": b"%PDF-1.7\n%%EOF",
        "program": b"\x7fELF" + noise,
        "archive": archive.getvalue(),
        "packed": packed_sound,
        "picture": picture,
        "database": b"SQLite format 3\0" + bytes(4096),
        "zeros": bytes(100_000),
        "ones": b"\xff" * 9999,
        "script": b"#!/bin/sh\nid\n",
        "tracker": b"M.K." * 700,
        "midi": b"MThd\0\0\0\6\0\0\0\1\0\x60",
    }
    for name, content in contents.items():
        yield HostileFile(f"{name}.mp3", content, NO_SOUND | {"empty_file"})
    yield HostileFile("nothing.wav", b"", frozenset({"empty_file"}))
    film = made("film.mp4", "-f", "lavfi", "-i", "color=size=32x32:duration=0.2")
    yield HostileFile("film.mp4", film, frozenset({"no_audio_track"}))


def damaged() -> Iterator[HostileFile]:
    chance = random.Random(2)
    for ending in ENCODINGS:
        whole = encoded(ending)
        yield HostileFile(f"whole.{ending}", whole, frozenset({READ}))
        yield HostileFile(f"cut.{ending}", whole[: len(whole) // 2], DAMAGED)
        flipped = bytearray(whole)
        for _ in range(60):
            flipped[chance.randrange(len(flipped))] ^= 0xFF
        yield HostileFile(f"flipped.{ending}", bytes(flipped), DAMAGED | {"encrypted_audio"})
        middle = len(whole) // 2
        noisy = whole[:middle] + chance.randbytes(20_000) + whole[middle:]
        yield HostileFile(f"noisy.{ending}", noisy, DAMAGED)


def encoded(ending: str) -> bytes:
    """Four seconds of a tone."""
    sine = ("-f", "lavfi", "-i", "sine=frequency=440:duration=4:sample_rate=16000")
    return made(f"tone.{ending}", *sine, *ENCODINGS[ending])


def made(name: str, *arguments: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        command = [str(bundled_ffmpeg()), "-v", "error", "-nostdin", *arguments, str(path)]
        subprocess.run(command, check=True)
        return path.read_bytes()


def tone(seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * 16_000)) / 16_000
    return np.round(8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")


def wav_with(at: int, form: str, value: int) -> bytes:
    """A second of a tone whose header says something else in one place."""
    content = bytearray(wav_of(tone(1.0)))
    struct.pack_into(form, content, at, value)
    return bytes(content)
