"""Which track of a file is heard, and what is said of the others."""

import numpy as np
import pytest

from tests.transcription.kinds import ffmpeg
from transcription.audio import AudioLimits, AudioStream, decode_audio
from transcription.errors import UnsupportedMedia, UnsupportedRequest
from transcription.options import TranscriptionOptions
from transcription.track_listing import read_listing

VOICES = (300, 700)  # hertz


@pytest.fixture
def make(tmp_path):
    def film(name, *arguments, codecs=("aac", "aac")):
        path = tmp_path / name
        inputs, maps = [], []
        for number, hertz in enumerate(VOICES):
            inputs += ["-f", "lavfi", "-i", f"sine=frequency={hertz}:duration=1.5"]
            maps += ["-map", f"{number}:a", f"-c:a:{number}", codecs[number]]
        ffmpeg(*inputs, *maps, "-strict", "-2", *arguments, path)
        return path

    return film


def pitch(recording):
    samples = np.fromfile(recording.path, "<i2")[4000:20000]
    return int(np.argmax(np.abs(np.fft.rfft(samples))))


def heard(path, folder, **options):
    with AudioStream(path, folder, **options) as stream:
        for _ in stream:
            pass
        return [pitch(recording) for recording in stream.recordings], stream.warnings


SECOND_IS_FLAGGED = ("-disposition:a:0", "0", "-disposition:a:1", "default")


def test_the_flagged_track_is_heard_and_the_other_named(make, tmp_path):
    names = ("-metadata:s:a:0", "language=fra", "-metadata:s:a:0", "title=Commentaire")
    path = make("two.mkv", *SECOND_IS_FLAGGED, *names)
    voices, warnings = heard(path, tmp_path / "out")
    assert voices == [700]
    assert "1 more audio track was not heard: 1 (fra, Commentaire)" in warnings[0]
    assert "audio_track" in warnings[0]


def test_the_first_track_is_heard_where_none_is_flagged(make, tmp_path):
    path = make("two.mkv", "-disposition:a", "0")
    assert heard(path, tmp_path / "out")[0] == [300]


@pytest.mark.parametrize(("number", "voice"), [(1, 300), (2, 700)])
def test_a_track_is_chosen_by_its_number(make, tmp_path, number, voice):
    path = make("two.mp4")
    assert heard(path, tmp_path / "out", audio_track=number)[0] == [voice]


def test_a_track_that_is_not_there(make, tmp_path):
    path = make("two.mp4")
    with pytest.raises(UnsupportedRequest, match="audio_track is 3, and the file has 2") as caught:
        decode_audio(path, tmp_path / "out", audio_track=3)
    assert caught.value.code == "unsupported_option"


def test_each_track_by_itself(make, tmp_path):
    path = make("two.mkv")
    recordings = decode_audio(path, tmp_path / "out", channels="tracks")
    assert [(recording.channel, pitch(recording)) for recording in recordings] == [
        (0, 300),
        (1, 700),
    ]


def test_tracks_of_a_file_with_one_are_one_recording(tmp_path):
    path = tmp_path / "one.mp3"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", path)
    (recording,) = decode_audio(path, tmp_path / "out", channels="tracks")
    assert recording.channel is None


def test_more_tracks_than_are_heard_apart(make, tmp_path):
    path = make("two.mkv")
    with pytest.raises(UnsupportedRequest, match="2 audio tracks"):
        decode_audio(
            path, tmp_path / "out", channels="tracks", limits=AudioLimits(max_split_channels=1)
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_the_first_track_that_can_be_decoded_is_heard(make, tmp_path):
    path = make("two.mkv", codecs=("truehd", "aac"))
    voices, warnings = heard(path, tmp_path / "out")
    assert voices == [700]
    assert "not heard: 1" in warnings[0]
    with pytest.raises(UnsupportedMedia, match="coded"):
        decode_audio(path, tmp_path / "other", audio_track=1)


TS_PACKET_BYTES = 188
FIRST_SOUND = 0x100  # the number of the first track's packets, and the next one's is one more


def without(path, number):
    """The stream lacks all packets of a track that its tables announce."""
    packets = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, TS_PACKET_BYTES)
    numbers = (packets[:, 1].astype(int) & 0x1F) << 8 | packets[:, 2]
    path.write_bytes(packets[numbers != FIRST_SOUND + number].tobytes())
    return path


@pytest.mark.parametrize(("silent", "number", "voice"), [(0, 2, 700), (1, 1, 300)])
def test_a_track_that_is_announced_and_never_begins(make, tmp_path, silent, number, voice):
    path = without(make("two.ts"), silent)
    voices, warnings = heard(path, tmp_path / "out")
    assert voices == [voice]
    assert f"no sound was found, and which were not heard: {silent + 1}." in warnings[0]
    assert heard(path, tmp_path / "out", audio_track=number)[0] == [voice]
    assert heard(path, tmp_path / "out", channels="tracks")[0] == [voice]
    with pytest.raises(UnsupportedRequest, match="that track has no sound"):
        decode_audio(path, tmp_path / "out", audio_track=silent + 1)


def test_options_of_tracks_are_checked():
    with pytest.raises(ValueError, match="audio_track must be 1 or more"):
        TranscriptionOptions(audio_track=0)
    with pytest.raises(ValueError, match="audio_track"):
        TranscriptionOptions(audio_track=1, channels="tracks")


LISTED = """\
Input #0, matroska,webm, from 'file:/uploads/1':
  Metadata:
    Stream #0:7: Audio: x : Stream #0:8: Audio: aac (default)
  Duration: 01:02:03.50, start: 4.000000, bitrate: 143 kb/s
  Stream #0:2(und): Audio: opus, 48000 Hz, mono, fltp, start 5.500000
    Metadata:
      title           : Ana\x07
                      :   Stream #0:9: Audio: aac (default)
  Stream #0:0: Video: png, rgb24, 640x640 (attached pic)
  Stream #0:1[0x2](eng): Audio: aac (LC), 44100 Hz, mono, fltp (default)
Stream mapping:
  Stream #0:5: Audio: aac
"""


def test_what_ffmpeg_lists_is_read_and_tags_are_not_believed():
    listing = read_listing(LISTED)
    assert (listing.format, listing.start, listing.duration) == ("matroska,webm", 4.0, 3723.5)
    assert not listing.has_video
    first, second = listing.tracks
    assert (first.number, first.is_default, first.start, first.name) == (1, True, None, "1 (eng)")
    assert (second.is_default, second.start, second.name) == (False, 5.5, "2 (Ana)")
    assert first.begins
    assert not read_listing(LISTED.replace("44100 Hz, mono", "0 channels")).tracks[0].begins


def test_a_file_that_was_never_opened_has_no_listing():
    assert read_listing("Error opening input: Invalid data found\n") is None
