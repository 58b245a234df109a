"""Hostile and honest files, each made here, through the whole decoding of a stranger's file."""

import hashlib
import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from decoding.types import SAMPLE_RATE
from transcription.audio import AudioLimits, AudioStream, decode_audio
from transcription.errors import (
    AudioTooLong,
    CorruptAudio,
    DecoderFailed,
    EmptyFile,
    EncryptedAudio,
    InvalidParameters,
    NoAudioTrack,
    UnreadableAudio,
    UnsupportedMedia,
    UnsupportedRequest,
)
from transcription.ffmpeg import Child, ChildLimits, Outcome, bundled_ffmpeg, check_ffmpeg

SECRET_HZ = 1000


def tone(seconds=1.0, hertz=440.0, rate=SAMPLE_RATE):
    return np.round(8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate))


def wav_bytes(samples, rate=SAMPLE_RATE, channels=1, kind=1, width=2):
    data = samples.tobytes()
    block = channels * width
    form = struct.pack(
        "<HHIIHH", kind, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, width * 8
    )
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def room(tmp_path):
    """A folder for decoded sound that must be as empty after an error as before."""
    folder = tmp_path / "decoded"
    folder.mkdir()
    return folder


@pytest.fixture
def put(tmp_path):
    def write(content, name="upload"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def make(tmp_path):
    """Encode with ffmpeg what only ffmpeg can encode."""

    def encode(name, *arguments):
        path = tmp_path / name
        command = [bundled_ffmpeg(), "-v", "error", "-nostdin", *arguments, path]
        subprocess.run([str(part) for part in command], check=True)
        return path

    return encode


SINE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1.5")


def samples_of(recording):
    return np.fromfile(recording.path, dtype="<i2")


def is_refused(source, room, error):
    with pytest.raises(error) as caught:
        decode_audio(source, room)
    message = str(caught.value)
    assert "/" not in message
    assert "ffmpeg" not in message.lower()
    assert list(room.iterdir()) == []
    return caught.value


def test_wav_comes_back_sample_for_sample(put, room):
    given = tone().astype("<i2")
    (recording,) = decode_audio(put(wav_bytes(given)), room)
    assert np.array_equal(samples_of(recording), given)
    assert recording.samples == SAMPLE_RATE
    assert recording.digest == hashlib.sha256(given.tobytes()).hexdigest()
    assert recording.channel is None
    assert list(room.iterdir()) == [recording.path]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("sound.mp3", ("-c:a", "libmp3lame")),
        ("sound.opus", ("-c:a", "libopus")),
        ("sound.flac", ("-ac", "6")),
        ("index-at-the-end.m4a", ("-c:a", "aac")),
        ("sound.webm", ("-c:a", "libopus")),
        ("sound.aiff", ()),
        ("sound.wav", ("-c:a", "pcm_f32le", "-ar", "96000")),
        ("sound.mkv", ("-c:a", "ac3")),
    ],
)
def test_usual_formats_are_read(make, room, name, codec):
    (recording,) = decode_audio(make(name, *SINE, *codec), room)
    assert recording.duration == pytest.approx(1.5, abs=0.08)
    spectrum = np.abs(np.fft.rfft(samples_of(recording)[4000:20000]))
    assert np.argmax(spectrum) == 440


def test_name_of_the_file_means_nothing(put, room):
    source = put(wav_bytes(tone().astype("<i2")), "-i http:concat%03d|x.m3u8")
    assert decode_audio(source, room)[0].samples == SAMPLE_RATE


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {name}\n",
        "ffconcat version 1.0\nfile '{path}'\n",
        "[playlist]\nFile1={path}\nNumberOfEntries=1\n",
        "#EXTM3U\n{path}\n",
    ],
)
def test_playlist_cannot_read_a_neighbour(put, room, text):
    secret = put(wav_bytes(tone(2, SECRET_HZ).astype("<i2")), "secret.mp3")
    playlist = put(text.format(path=secret, name=secret.name).encode(), "list.mp3")
    is_refused(playlist, room, UnsupportedMedia)


def test_zero_bytes(put, room):
    assert is_refused(put(b""), room, EmptyFile).code == "empty_file"


def test_header_without_samples(put, room):
    is_refused(put(wav_bytes(np.zeros(0, "<i2"))), room, EmptyFile)


@pytest.mark.parametrize(
    "content",
    [b"just some words\n" * 50, b"{", b"<html>sign in</html>", b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n"],
)
def test_not_sound_at_all(put, room, content):
    assert is_refused(put(content), room, UnsupportedMedia).code == "unsupported_media"


def test_dictation_of_a_secret_codec_is_named(put, room):
    error = is_refused(put(b"\x03ds2" + bytes(2000), "talk.ds2"), room, UnsupportedMedia)
    assert ".ds2" in str(error)


def test_random_bytes(put, room):
    noise = np.random.default_rng(5).integers(0, 256, 65536).astype(np.uint8).tobytes()
    is_refused(put(noise), room, UnreadableAudio)


@pytest.mark.parametrize("rate", [0, 1, 999, 655_350, 2**32 - 1])
def test_senseless_sample_rate(put, room, rate):
    error = is_refused(put(wav_bytes(np.zeros(900, "<i2"), rate=rate)), room, InvalidParameters)
    assert error.code == "invalid_audio_parameters"


@pytest.mark.parametrize("channels", [0, 64, 65535])
def test_senseless_channels(put, room, channels):
    is_refused(put(wav_bytes(np.zeros(131072, "<i2"), channels=channels)), room, InvalidParameters)


def test_samples_without_bits(put, room):
    content = bytearray(wav_bytes(tone().astype("<i2")))
    content[34:36] = bytes(2)
    assert "bits" in str(is_refused(put(content), room, InvalidParameters))


def test_infinite_sample_rate(put, room):
    """AIFF writes its rate as an 80-bit float; this one is past every number."""
    form = struct.pack(">hIh", 1, 100, 16) + b"\x7f\xff\x80" + bytes(7)
    body = b"AIFFCOMM" + struct.pack(">I", len(form)) + form
    body += b"SSND" + struct.pack(">III", 208, 0, 0) + bytes(200)
    source = put(b"FORM" + struct.pack(">I", len(body)) + body)
    is_refused(source, room, InvalidParameters)


def test_wav_of_a_recorder_that_recorded_nothing(put, room):
    whole = wav_bytes(tone().astype("<i2"))
    is_refused(put(whole[: whole.index(b"data")]), room, EmptyFile)


def test_wav_whose_chunk_swallows_the_sound(put, room):
    head, sound = wav_bytes(tone().astype("<i2")).split(b"data", 1)
    liar = b"LIST" + struct.pack("<I", 0x7FFFFFF0)
    is_refused(put(head + liar + b"data" + sound), room, CorruptAudio)


@pytest.mark.parametrize("channels", ["mix", "split"])
def test_sound_coded_in_an_unknown_way(put, room, channels):
    source = put(wav_bytes(tone().astype("<i2"), kind=0x7777))
    with pytest.raises(UnsupportedMedia, match="coded"):
        decode_audio(source, room, channels=channels)
    assert list(room.iterdir()) == []


def test_codec_outside_the_list(make, room):
    source = make("sound.mkv", *SINE, "-c:a", "truehd", "-strict", "-2")
    assert "coded" in str(is_refused(source, room, UnsupportedMedia))


@pytest.mark.parametrize("reference", [b"url ", b"alis"])
def test_sound_that_lies_in_another_file(make, put, room, reference):
    """The bit that says "in this file" is taken away; no name is given, so none is opened."""
    content = make("sound.mov", *SINE).read_bytes()
    first = content.index(b"dref") + 12
    content = content[: first + 4] + reference + bytes(4) + content[first + 12 :]
    is_refused(put(content), room, UnsupportedMedia)


def test_video_without_sound(make, room):
    video = make("silent.mp4", "-f", "lavfi", "-i", "color=size=32x32:duration=0.2")
    assert is_refused(video, room, NoAudioTrack).code == "no_audio_track"


def test_sound_of_a_video(make, room):
    picture = ("-f", "lavfi", "-i", "color=size=32x32:duration=1.5")
    video = make("film.mp4", *picture, *SINE)
    with AudioStream(video, room) as stream:
        assert sum(block.shape[1] for block in stream) > SAMPLE_RATE
        assert stream.warnings == ()


def test_float_samples_that_are_not_numbers(put, room):
    samples = np.tile(np.array([np.nan, np.inf, -np.inf, 1e38, 0.25], "<f4"), 3200)
    (recording,) = decode_audio(put(wav_bytes(samples, kind=3, width=4)), room)
    assert recording.samples == len(samples)


def test_flipped_bits_never_give_silence_as_success(make, room):
    content = bytearray(make("whole.m4a", *SINE).read_bytes())
    for position in np.random.default_rng(3).integers(40, len(content), 400):
        content[position] ^= 0xFF
    broken = room.parent / "broken.m4a"
    broken.write_bytes(content)
    is_refused(broken, room, UnreadableAudio)


def test_upload_cut_before_its_index(make, room):
    whole = make("whole.m4a", *SINE)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert is_refused(whole, room, CorruptAudio).code == "corrupt_audio"


def test_cut_flac_is_read_with_a_warning(make, room):
    noise = ("-f", "lavfi", "-i", "anoisesrc=duration=4:seed=1:sample_rate=16000")
    cut = make("cut.flac", *noise)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with AudioStream(cut, room) as stream:
        for _ in stream:
            pass
        assert 1.0 < stream.recordings[0].duration < 3.0
        assert "missing" in stream.warnings[0]


def test_chained_ogg_is_read_to_its_end(make, put, room):
    link = make("link.ogg", *SINE, "-c:a", "libvorbis").read_bytes()
    (recording,) = decode_audio(put(link + link, "chain.ogg"), room)
    assert recording.duration == pytest.approx(3.0, abs=0.1)


def test_encrypted_mp4(make, room):
    key = "00112233445566778899aabbccddeeff"
    scheme = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", key)
    locked = make("locked.mp4", *SINE, "-c:a", "aac", *scheme)
    assert is_refused(locked, room, EncryptedAudio).code == "encrypted_audio"


@pytest.mark.parametrize("scheme", [b"enca", b"drms"])
def test_track_that_says_it_is_locked(make, room, scheme):
    locked = make("locked.m4a", *SINE, "-c:a", "aac")
    locked.write_bytes(locked.read_bytes().replace(b"mp4a", scheme))
    is_refused(locked, room, EncryptedAudio)


def test_length_is_counted_not_believed(put, room):
    content = bytearray(wav_bytes(tone(3).astype("<i2")))
    content[40:44] = struct.pack("<I", 0xFFFFFFFF)
    source = put(bytes(content))
    assert decode_audio(source, room)[0].duration == 3.0
    with pytest.raises(AudioTooLong, match=r"longer than 2\.9 seconds\.") as caught:
        decode_audio(source, room.parent / "other", limits=AudioLimits(max_seconds=2.9))
    assert caught.value.code == "audio_too_long"


def test_exactly_the_limit_is_allowed(put, room):
    source = put(wav_bytes(tone(2).astype("<i2")))
    assert decode_audio(source, room, limits=AudioLimits(max_seconds=2.0))[0].duration == 2.0


def test_limits_say_what_is_wrong():
    with pytest.raises(ValueError, match="max_seconds"):
        AudioLimits(max_seconds=0)


def test_split_gives_each_channel_by_itself(put, room):
    left, right = tone(1, 300), tone(1, 700)
    both = np.stack([left, right], axis=1).astype("<i2")
    recordings = decode_audio(put(wav_bytes(both, channels=2)), room, channels="split")
    assert [recording.channel for recording in recordings] == [0, 1]
    assert np.array_equal(samples_of(recordings[0]), left)
    assert np.array_equal(samples_of(recordings[1]), right)
    assert recordings[0].digest != recordings[1].digest


def test_split_of_an_odd_layout_keeps_channels_apart(put, room):
    voices = np.stack([tone(1, 200 + 100 * n) for n in range(5)], axis=1).astype("<i2")
    recordings = decode_audio(put(wav_bytes(voices, channels=5)), room, channels="split")
    for number, recording in enumerate(recordings):
        assert np.array_equal(samples_of(recording), voices[:, number])


def test_split_of_mono_is_one_recording(put, room):
    (recording,) = decode_audio(put(wav_bytes(tone().astype("<i2"))), room, channels="split")
    assert recording.channel is None


def test_split_of_too_many_channels(put, room):
    wide = put(wav_bytes(np.zeros(9 * 1600, "<i2"), channels=9))
    with pytest.raises(UnsupportedRequest, match="9 channels"):
        decode_audio(wide, room, channels="split")
    assert list(room.iterdir()) == []


def test_stream_is_on_disk_as_it_comes(put, room):
    with AudioStream(put(wav_bytes(tone(60).astype("<i2"))), room) as stream:
        seen = 0
        for block in stream:
            assert block.dtype == np.int16
            seen += block.shape[1]
            (so_far,) = stream.so_far
            assert so_far.samples == seen
            assert so_far.path.stat().st_size == 2 * seen
            if seen < 60 * SAMPLE_RATE:
                with pytest.raises(ValueError, match="whole"):
                    _ = stream.recordings
        assert stream.recordings == stream.so_far


def test_leaving_early_leaves_nothing(put, room):
    with AudioStream(put(wav_bytes(tone(60).astype("<i2"))), room) as stream:
        next(iter(stream))
    assert list(room.iterdir()) == []


def stand_in(tmp_path, script):
    """A program in the place of ffmpeg."""
    path = tmp_path / "stand-in"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


LOOK = r"""case "$*" in *framecrc*) printf '#codec_id 0: x\n#sample_rate 0: 16000\n%s' \
'#channel_layout_name 0: mono
'; exit 0;; esac"""


# Blocks of samples as ffmpeg writes them: how they begin, and blocks of a second without end.
HEAD = r"printf '\000\012SMJPEG\000\000\000\000\000\000\000\000HEND'"
ENDLESS = rf"""{HEAD}
while :; do printf 'sndD\000\000\000\000\000\000\175\000'; head -c 32000 /dev/zero; done"""


@pytest.mark.row("F5")
@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("kill -9 $$", DecoderFailed),
        ("kill -15 $$", DecoderFailed),
        ("exit 255", DecoderFailed),
        ("echo Conversion failed >&2; exit 255", CorruptAudio),
        ("kill -11 $$", CorruptAudio),
        ("head -c 64000 /dev/zero; exit 3", CorruptAudio),
        ("exit 0", EmptyFile),
        ("exec sleep 60", CorruptAudio),
        ("exec 1>&- 2>&-; exec sleep 60", CorruptAudio),
        ("while :; do echo complaint >&2; done", CorruptAudio),
        ("exec cat /dev/zero", CorruptAudio),
        (ENDLESS, AudioTooLong),
    ],
)
def test_child_that_misbehaves(put, room, tmp_path, script, error):
    source = put(wav_bytes(tone().astype("<i2")))
    short = ChildLimits(processor_seconds=5, wait_seconds=1.0, stall_seconds=0.3)
    limits = AudioLimits(max_seconds=30, decode=short)
    began = time.monotonic()
    with pytest.raises(error) as caught:
        decode_audio(source, room, limits=limits, ffmpeg=stand_in(tmp_path, f"{LOOK}\n{script}"))
    assert type(caught.value) is error
    assert time.monotonic() - began < 5
    assert list(room.iterdir()) == []


@pytest.mark.row("F5")
@pytest.mark.parametrize(
    "script",
    [
        r"for n in $(seq 40); do printf 'sndD\000\000\000\000\000\000\000\002xx'; sleep 0.05; done",
        r"for n in $(seq 40); do echo complaint >&2; sleep 0.05; done; "
        r"printf 'sndD\000\000\000\000\000\000\000\002xx'",
    ],
    ids=["dribbles", "talks"],
)
def test_child_that_gives_too_little(put, room, tmp_path, script):
    """It would come to a good end, and could as well take for ever."""
    source = put(wav_bytes(tone().astype("<i2")))
    ffmpeg = stand_in(tmp_path, f"{LOOK}\n{HEAD}\n{script}")
    patient = AudioLimits(decode=ChildLimits())
    assert decode_audio(source, room, limits=patient, ffmpeg=ffmpeg)[0].samples
    short = ChildLimits(stall_seconds=0.5, least_bytes_per_second=8000)
    with pytest.raises(CorruptAudio, match="too long"):
        decode_audio(source, room.parent / "other", limits=AudioLimits(decode=short), ffmpeg=ffmpeg)


def test_a_complaint_is_known_with_the_output_behind_it(tmp_path, monkeypatch):
    """Both may be written between looking which is there and reading the output."""
    script = stand_in(tmp_path, "echo damaged >&2; printf behind; exec sleep 60")
    with Child(script, (), tmp_path, ChildLimits()) as child:
        while set(child._ready()) != {child._errors, child._output}:
            pass
        monkeypatch.setattr(child, "_ready", lambda: [child._output])
        assert child.read() == b"behind"
        assert child.has_complained


def test_child_that_works_in_bursts_keeps_its_pace(put, room, tmp_path):
    block = r"printf 'sndD\000\000\000\000\000\004\342\000'; head -c 320000 /dev/zero"
    bursts = f"for n in $(seq 10); do {block}; sleep 0.1; done"
    source = put(wav_bytes(tone().astype("<i2")))
    limits = AudioLimits(decode=ChildLimits(stall_seconds=30.0, least_bytes_per_second=8000))
    ffmpeg = stand_in(tmp_path, f"{LOOK}\n{HEAD}\n{bursts}")
    assert decode_audio(source, room, limits=limits, ffmpeg=ffmpeg)[0].duration == 100.0


def test_split_of_what_cannot_be_decoded(put, room, tmp_path):
    source = put(wav_bytes(tone().astype("<i2")))
    with pytest.raises(CorruptAudio, match="decoded"):
        decode_audio(source, room, channels="split", ffmpeg=stand_in(tmp_path, f"{LOOK}\nexit 0"))
    assert list(room.iterdir()) == []


def test_look_that_finds_nothing(put, room, tmp_path):
    source = put(wav_bytes(tone().astype("<i2")))
    with pytest.raises(InvalidParameters, match="does not say"):
        decode_audio(source, room, ffmpeg=stand_in(tmp_path, "exit 0"))


def test_too_many_tracks(put, room, tmp_path):
    complaint = "echo Number of streams exceeds max_streams parameter >&2; exit 244"
    with pytest.raises(InvalidParameters, match="more than 64 tracks"):
        decode_audio(put(b"OggS"), room, ffmpeg=stand_in(tmp_path, complaint))


def test_missing_decoder_is_not_the_files_fault(put, room, tmp_path):
    source = put(wav_bytes(tone().astype("<i2")))
    with pytest.raises(DecoderFailed) as caught:
        decode_audio(source, room, ffmpeg=tmp_path / "nowhere")
    assert caught.value.code == "decoder_failed"


def test_a_file_that_takes_all_processor_time_is_to_blame_itself(put, room, tmp_path):
    """The system kills then, as somebody outside may."""
    source = put(wav_bytes(tone().astype("<i2")))
    limits = AudioLimits(decode=ChildLimits(processor_seconds=1, stall_seconds=100.0))
    busy = stand_in(tmp_path, f"{LOOK}\nwhile :; do :; done")
    with pytest.raises(CorruptAudio, match="too long"):
        decode_audio(source, room, limits=limits, ffmpeg=busy)


@pytest.mark.parametrize(
    ("busy", "went_by", "is_spent"),
    [
        (1.0, 1.1, True),
        (0.25, 0.9, True),
        (0.7, 0.3, True),  # on several processors, where it could not be kept on one
        (0.1, 50.0, False),
        (0.5, 0.8, False),
    ],
)
def test_a_killed_decoder_has_used_up_its_time_or_was_ended_by_others(busy, went_by, is_spent):
    """Ticks that a busy machine counted against it need not be time in which it ran."""
    outcome = Outcome(-signal.SIGKILL, "", busy, went_by)
    assert ChildLimits(processor_seconds=1).is_spent(outcome) == is_spent


def test_ffmpeg_is_checked_before_it_is_needed(tmp_path):
    check_ffmpeg()
    broken = stand_in(tmp_path, "echo lost library >&2; exit 1")
    for program, sentence in ((broken, "lost library"), (tmp_path / "nowhere", "nowhere")):
        with pytest.raises(DecoderFailed, match=sentence):
            check_ffmpeg(program)


def test_child_lives_in_a_cage(put, room, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    report = tmp_path / "report"
    script = f'{{ pwd; ls -A; env; ulimit -v; ulimit -t; ulimit -c; }} > "{report}"; exit 1'
    with pytest.raises(UnreadableAudio):
        decode_audio(put(wav_bytes(tone().astype("<i2"))), room, ffmpeg=stand_in(tmp_path, script))
    told = report.read_text()
    assert told.startswith(str(room))
    assert "SECRET" not in told
    assert told.split()[-3:] == [str(1 << 20), "20", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="death signals are Linux's")
def test_child_dies_with_a_killed_parent(put, room, tmp_path):
    note = tmp_path / "pid"
    script = f'{LOOK}\necho $$ > "{note}.new"; mv "{note}.new" "{note}"; exec sleep 60'
    program = f"""
        from pathlib import Path
        from transcription.audio import decode_audio
        decode_audio(Path({str(put(wav_bytes(tone().astype("<i2"))))!r}), Path({str(room)!r}),
                     ffmpeg=Path({str(stand_in(tmp_path, script))!r}))
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)]) as parent:
        wait_until(note.exists)
        parent.kill()
    child = int(note.read_text())
    wait_until(lambda: not is_alive(child))


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def is_alive(process):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def test_threads_may_decode_at_the_same_time(put, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    sources = [put(wav_bytes(tone(2, 200 + n).astype("<i2")), f"{n}.wav") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda source: decode_audio(source, tmp_path / "all")[0], sources))
    for number, recording in enumerate(found):
        assert np.array_equal(samples_of(recording), tone(2, 200 + number))


def test_disk_full_is_an_error_of_the_disk(put, room, monkeypatch):
    source = put(wav_bytes(tone().astype("<i2")))
    stream = AudioStream(source, room)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, stream._files[0]._file.fileno())
    os.close(full)
    with stream, pytest.raises(OSError, match="No space"):
        list(stream)
    assert list(room.iterdir()) == []


def test_recording_is_read_by_position(put, room):
    with wave.open(str(room.parent / "w.wav"), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(np.arange(SAMPLE_RATE, dtype="<i2").tobytes())
    (recording,) = decode_audio(room.parent / "w.wav", room)
    from chunking.types import Span

    assert recording.read(Span(0.5, 0.501)).tolist() == list(range(8000, 8016))
    assert len(recording.read(Span(0.9, 5.0))) == 1600


@pytest.fixture
def hundred_hours(make, put, room):
    """The bytes of a FLAC of a few seconds that says so, and is read otherwise."""
    content = bytearray(make("sound.flac", *SINE).read_bytes())
    assert decode_audio(put(bytes(content)), room)
    claim = 100 * 3600 * 44_100
    content[21:26] = (content[21] & 0xF0 | claim >> 32).to_bytes(1, "big") + (
        claim & 0xFFFF_FFFF
    ).to_bytes(4, "big")
    return bytes(content)


def test_flac_that_claims_more_than_is_read(hundred_hours, put, room, tmp_path):
    """Refused by what it says of itself; nothing of it is decoded."""
    never = stand_in(tmp_path, f"touch {tmp_path}/started")
    with pytest.raises(AudioTooLong, match="12 hours"):
        decode_audio(put(hundred_hours), room.parent / "other", ffmpeg=never)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (12 * 3600.0, "12 hours"),
        (5400.0, "1 hour 30 minutes"),
        (60.0, "1 minute"),
        (90.5, "1 minute 30.5 seconds"),
        (1.0, "1 second"),
        (0.0001, "0.0001 seconds"),
    ],
)
def test_the_limit_is_told_in_units_that_a_person_reads(hundred_hours, put, room, seconds, told):
    with pytest.raises(AudioTooLong) as caught:
        decode_audio(put(hundred_hours), room, limits=AudioLimits(max_seconds=seconds))
    assert str(caught.value) == f"The audio is longer than {told}."


def test_flac_that_does_not_say_how_long_it_is(make, put, room):
    content = bytearray(make("sound.flac", *SINE).read_bytes())
    content[21:26] = bytes((content[21] & 0xF0, 0, 0, 0, 0))
    (recording,) = decode_audio(put(bytes(content)), room)
    assert recording.duration == pytest.approx(1.5, abs=0.01)


def test_small_file_that_costs_much(put, room, tmp_path):
    source = put(wav_bytes(tone().astype("<i2")))
    limits = AudioLimits(decode_seconds=1, seconds_per_megabyte=1)
    busy = stand_in(tmp_path, f"{LOOK}\nwhile :; do :; done")
    with pytest.raises(CorruptAudio, match="too long"):
        decode_audio(source, room, limits=limits, ffmpeg=busy)


def test_large_files_may_cost_more_than_small_ones():
    limits = AudioLimits()
    small, middle, large = (limits.decode_of(size) for size in (1000, 3_000_000, 1 << 30))
    assert small.processor_seconds < middle.processor_seconds < large.processor_seconds
    assert small.wait_seconds < middle.wait_seconds < large.wait_seconds
    assert large == limits.decode
