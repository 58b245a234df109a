import errno
import os
from pathlib import Path

import pytest

from tests.planted import plant, write_wav
from tests.transcription.kinds import CLOSED_UP, ON_THE_CLOCK
from transcription.sound_files import AUDIO_SUFFIXES, MEDIA_NOT_READ, find_audio


def names_of(found):
    return [file.name for file, _ in found.files]


def test_a_file_given_twice_and_hidden_files(tmp_path):
    talk = write_wav(tmp_path / "talk.wav", plant(3))
    (tmp_path / "._talk.wav").write_bytes(b"what another system left")
    assert find_audio([tmp_path]).files == ((talk, Path("talk.wav")),)
    assert [file for file, _ in find_audio([talk, talk, tmp_path]).files] == [talk]


def test_every_kind_that_is_read_is_found_in_a_folder(tmp_path):
    suffixes = {Path(kind.name).suffix for kind in (*ON_THE_CLOCK, *CLOSED_UP)} - {""}
    assert suffixes <= AUDIO_SUFFIXES
    assert not AUDIO_SUFFIXES & MEDIA_NOT_READ
    for suffix in AUDIO_SUFFIXES:
        (tmp_path / f"talk{suffix.upper()}").write_bytes(b"G" + bytes(10))
    assert len(find_audio([tmp_path]).files) == len(AUDIO_SUFFIXES)


def test_program_text_is_no_transport_stream(tmp_path):
    (tmp_path / "index.ts").write_text("import x from 'y';")
    (tmp_path / "talk.ts").write_bytes(b"\x47\x40" + bytes(186))
    (tmp_path / "camera.mts").write_bytes(bytes(4) + b"\x47" + bytes(187))
    assert names_of(find_audio([tmp_path])) == ["camera.mts", "talk.ts"]


def test_media_that_are_passed_over_are_named(tmp_path):
    for name in ("deep/dictation.DS2", "old.rm", "notes.txt", ".hidden.ds2", "talk.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert find_audio([tmp_path, tmp_path / "talk.wav"]).passed_over == (
        f"{tmp_path}/deep/dictation.DS2: passed over, .ds2 is not read",
        f"{tmp_path}/old.rm: passed over, .rm is not read",
    )


def test_links_to_folders_and_to_nowhere_are_named(tmp_path):
    (elsewhere := tmp_path / "elsewhere").mkdir()
    talk = write_wav(elsewhere / "talk.wav", plant(3))
    (folder := tmp_path / "in").mkdir()
    (folder / "more").symlink_to(elsewhere)
    (folder / "linked.wav").symlink_to(talk)
    (folder / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (folder / "round.wav").symlink_to("round.wav")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    found = find_audio([folder])
    assert names_of(found) == ["linked.wav"]
    assert found.passed_over == (
        f"{folder}/gone.wav: passed over, a link that leads nowhere",
        f"{folder}/more: passed over, a link to a folder",
        f"{folder}/round.wav: passed over, a link that leads nowhere",
    )
    assert find_audio([folder / "more"]).files == ((talk, Path("talk.wav")),)


def test_what_is_named_like_sound_and_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "talk.wav")
    (tmp_path / "folder.wav").mkdir()
    assert find_audio([tmp_path]).passed_over == (f"{tmp_path}/talk.wav: passed over, no file",)


def closed(call, *names):
    """`call`, of os, as for somebody who may not do that with anything of these names."""

    def refuse(path, *rest, **more):
        if os.path.basename(os.fspath(path)) in names:
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return call(path, *rest, **more)

    return refuse


@pytest.fixture
def tree(tmp_path):
    for name in ("a/one.wav", "b/two.wav", "b/c/three.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wav(tmp_path / name, plant(2))
    return tmp_path


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_found(tree, monkeypatch):
    monkeypatch.setattr(os, "scandir", closed(os.scandir, "b"))
    found = find_audio([tree])
    assert names_of(found) == ["one.wav"]
    assert found.unread == (f"{tree}/b: could not be looked into, Permission denied",)


def test_a_folder_that_is_given_and_cannot_be_listed(tree, monkeypatch):
    monkeypatch.setattr(os, "scandir", closed(os.scandir, "b"))
    found = find_audio([tree / "a", tree / "b"])
    assert names_of(found) == ["one.wav"]
    assert found.unread == (f"{tree}/b: could not be looked into, Permission denied",)


def test_a_file_that_cannot_be_asked_for_is_named(tree, monkeypatch):
    """As in a folder that may be listed, and not entered."""
    monkeypatch.setattr(os, "stat", closed(os.stat, "two.wav"))
    found = find_audio([tree])
    assert names_of(found) == ["one.wav", "three.wav"]
    assert found.unread == (f"{tree}/b/two.wav: could not be looked into, Permission denied",)


def test_a_stream_that_cannot_be_opened_is_left_to_who_transcribes_it(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "talk.ts").write_bytes(b"G")
    monkeypatch.setattr(Path, "open", refuse)
    assert names_of(find_audio([tmp_path])) == ["talk.ts"]
