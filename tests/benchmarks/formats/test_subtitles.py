from __future__ import annotations

from benchmarks.formats.subtitles import parse_subtitles
from benchmarks.formats.types import Utterance

SRT = """\ufeff1\r
00:00:01,500 --> 00:00:03,000\r
<i>Hello</i> {\\an8}there,\r
world\r
\r
2\r
01:00:04,000 --> 01:00:06,250\r
Tom &amp; Ann\r
"""
VTT = """WEBVTT

NOTE not a cue

intro
00:01.500 --> 00:03.000 align:start
<v Ann>Hello there, world

01:00:04.000 --> 01:00:06.250
Tom &amp; Ann
"""
CUES = (
    Utterance("r", 1.5, 3.0, "Hello there, world"),
    Utterance("r", 3604.0, 3606.25, "Tom & Ann"),
)


def test_srt() -> None:
    assert parse_subtitles(SRT, "r") == CUES


def test_vtt() -> None:
    assert parse_subtitles(VTT, "r") == CUES


def test_no_cues() -> None:
    assert parse_subtitles("WEBVTT\n\n") == ()
