import multiprocessing
import os
import signal
import threading
from contextlib import closing

import numpy as np
import pytest

from decoding.errors import EngineFailed
from tests.planted import plant, write_wav
from transcription import reader_process
from transcription.audio import AudioLimits
from transcription.errors import AudioTooLong, CorruptAudio, DecoderFailed, EmptyFile
from transcription.ingest import Ingest, ingest
from transcription.options import TranscriptionOptions
from transcription.reader import ThreadReader
from transcription.reader_process import ProcessReader, reader_of, serve
from transcription.settings import Settings
from transcription.silero import speech_probabilities
from transcription.types import IngestedAudio

OPTIONS = TranscriptionOptions()
LIMITS = AudioLimits()


@pytest.fixture
def workspace(tmp_path):
    (folder := tmp_path / "work").mkdir()
    return folder


def loud(samples, *, gain=1.0):
    """Whether there is anything but silence in a frame; not what the process itself would use."""
    frames = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
    return (np.abs(frames).max(axis=1) > 0).astype(np.float32)


def spans_and_samples(sound):
    """What was found, and what lies on the disk, of each channel."""
    return [
        (recording.channel, recording.digest, recording.path.read_bytes(), detected)
        for recording, detected in sound.channels
    ]


@pytest.mark.parametrize("vad", [speech_probabilities, loud])
def test_a_process_reads_what_a_thread_reads(tmp_path, vad):
    voices = np.random.default_rng(5).normal(0, 2000, (2, 16_000 * 500)).astype(np.int16)
    voices[:, 16_000 * 100 : 16_000 * 160] = 0
    source = write_wav(tmp_path / "two.wav", *voices)
    options = TranscriptionOptions(channels="split")
    found = []
    for reader in (ThreadReader(), ProcessReader()):
        (folder := tmp_path / type(reader).__name__).mkdir()
        found.append(ingest(source, folder, options, reader, vad=vad))
        assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".pcm", ".pcm"]
    assert spans_and_samples(found[0]) == spans_and_samples(found[1])
    assert found[0].warnings == found[1].warnings
    assert multiprocessing.active_children() == []


def test_it_tells_of_the_beginning_before_the_end(tmp_path, workspace):
    source = write_wav(tmp_path / "long.wav", plant(1300))
    with closing(ProcessReader().read(source, workspace, OPTIONS, loud)) as reading:
        steps = list(reading)
    assert isinstance(steps[-1], IngestedAudio)
    lengths = [channels[0].recording.samples for channels in steps[:-1]]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1] == steps[-1].channels[0][0].samples
    assert sum(len(channels[0].found) for channels in steps[:-1]) >= 1


@pytest.mark.parametrize(
    ("content", "limits", "error"),
    [
        (b"", LIMITS, EmptyFile),
        (b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(64), LIMITS, CorruptAudio),
        (None, AudioLimits(max_seconds=10.0), AudioTooLong),
    ],
)
def test_what_is_refused_is_refused_as_in_a_thread(tmp_path, workspace, content, limits, error):
    source = tmp_path / "given.wav"
    if content is None:
        write_wav(source, plant(100))
    else:
        source.write_bytes(content)
    messages = []
    for reader in (ThreadReader(limits), ProcessReader(limits)):
        with pytest.raises(error) as raised:
            ingest(source, workspace, OPTIONS, reader)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert list(workspace.iterdir()) == []
    assert multiprocessing.active_children() == []


def test_a_mistake_in_the_process_is_told_with_its_place(tmp_path, workspace):
    (missing := tmp_path / "nothing.wav").touch()
    missing.unlink()
    with (
        pytest.raises(FileNotFoundError) as raised,
        closing(ProcessReader().read(missing, workspace, OPTIONS, loud)) as reading,
    ):
        list(reading)
    assert "transcription/audio.py" in "".join(raised.value.__notes__)


def test_an_engine_that_fails_ends_it(tmp_path, workspace):
    def failed(samples, *, gain=1.0):
        raise EngineFailed("no device")

    source = write_wav(tmp_path / "talk.wav", plant(20))
    with pytest.raises(EngineFailed, match="no device"):
        ingest(source, workspace, OPTIONS, ProcessReader(), vad=failed)
    assert list(workspace.iterdir()) == []


def test_who_leaves_early_leaves_nothing(tmp_path, workspace):
    source = write_wav(tmp_path / "long.wav", plant(4000))
    with Ingest(source, workspace, OPTIONS, ProcessReader(), vad=loud) as sound:
        sound.tracks()
    assert multiprocessing.active_children() == []
    assert [path for path in workspace.iterdir() if path.suffix != ".json"] in ([], _whole(sound))


def _whole(sound):
    """The recording, if all of it was read before we left."""
    return [recording.path for recording, _ in sound._whole.channels] if sound._whole else []


def test_a_killed_process_is_no_fault_of_the_file(tmp_path, workspace):
    def kills(samples, *, gain=1.0):
        (child,) = multiprocessing.active_children()
        os.kill(child.pid, signal.SIGKILL)
        return loud(samples)

    source = write_wav(tmp_path / "talk.wav", plant(20))
    with pytest.raises(DecoderFailed, match="killed"):
        ingest(source, workspace, OPTIONS, ProcessReader(), vad=kills)


def test_where_no_process_can_be_started_a_thread_reads(tmp_path, workspace, monkeypatch, caplog):
    def refuse(*_given):
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(multiprocessing.context.ForkServerProcess, "_Popen", refuse)
    source = write_wav(tmp_path / "talk.wav", plant(20))
    found = ingest(source, workspace, OPTIONS, ProcessReader(), vad=loud)
    assert found.channels[0][0].samples == len(plant(20))
    assert "AF_UNIX path too long" in caplog.text


def test_a_process_whose_parent_is_gone_ends(tmp_path, workspace):
    source = write_wav(tmp_path / "long.wav", plant(4000))
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    given = (theirs, True, ThreadReader(), source, workspace, OPTIONS)
    child = context.Process(target=serve, args=given)
    child.start()
    theirs.close()
    ours.recv()
    ours.close()
    child.join(60)
    assert child.exitcode == 0
    assert list(workspace.iterdir()) == []


def test_an_error_that_cannot_travel_is_told_by_its_words():
    class Local(Exception):
        pass

    sent = reader_process._as_sent(Local("this went wrong"))
    assert isinstance(sent, RuntimeError)
    assert "this went wrong" in str(sent)


def test_several_questions_at_once_each_get_their_answer():
    ours, theirs = multiprocessing.Pipe()
    parent = reader_process._Parent(theirs)
    answers = {}

    def ask(value):
        answers[value] = int(parent.judge(np.full(512, value, np.int16))[0])

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        ours.send(np.array([ours.recv().samples[0]]))
    for thread in threads:
        thread.join(30)
    assert answers == {value: value for value in range(4)}


@pytest.mark.parametrize(
    ("where", "processors", "reader"),
    [
        ("auto", 2, ThreadReader),
        ("auto", 4, ProcessReader),
        ("thread", 16, ThreadReader),
        ("process", 1, ProcessReader),
    ],
)
def test_who_reads(monkeypatch, where, processors, reader):
    monkeypatch.setattr(reader_process, "usable_processors", lambda: processors)
    found = reader_of(Settings(ingest=where, max_audio_seconds=70.0))
    assert found == reader(AudioLimits(max_seconds=70.0))


def test_where_the_system_has_no_such_processes_a_thread_reads(monkeypatch):
    monkeypatch.setattr(reader_process, "_IS_POSSIBLE", False)
    assert isinstance(reader_of(Settings(ingest="process")), ThreadReader)
