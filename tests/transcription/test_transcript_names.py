from pathlib import Path

import pytest

from transcription.batch_record import BatchRecord, Made, Source
from transcription.transcript_names import SameTranscript, targets_of


def targets(folder, *names, made=()):
    record = BatchRecord(folder)
    for name, target in made:
        source = Source(name, f"/calls/{name}", 1, 1)
        record.add(Made(target, ("text",), source, "base", ""))
    files = [(Path("/calls", name), Path(name)) for name in names]
    return [target.as_posix() for target in targets_of(files, BatchRecord(folder))]


def test_without_extension_unless_another_has_the_same(tmp_path):
    found = targets(tmp_path, "a.wav", "b.wav", "b.mp3", "deep/a.wav")
    assert found == ["a", "b.wav", "b.mp3", "deep/a"]


@pytest.mark.parametrize(
    ("made", "names", "expected"),
    [
        ([("a.wav", "a")], ["a.mp3", "a.wav"], ["a.mp3", "a"]),
        ([("a.wav", "a"), ("a.mp3", "a.mp3")], ["a.mp3"], ["a.mp3"]),
        ([("a.wav", "a.wav"), ("a.mp3", "a.mp3")], ["a.wav"], ["a.wav"]),
        ([("a.wav", "a")], ["a.ogg"], ["a.ogg"]),
        ([("a.wav", "a")], ["a.mp3", "a.ogg", "a.wav"], ["a.mp3", "a.ogg", "a"]),
        ([("a.wav", "a.wav")], ["a.ogg"], ["a"]),
    ],
)
def test_a_name_that_was_given_stays(tmp_path, made, names, expected):
    assert targets(tmp_path, *names, made=made) == expected


def test_two_that_would_be_one(tmp_path):
    files = [(Path("/mon/a.wav"), Path("a.wav")), (Path("/tue/a.wav"), Path("a.wav"))]
    with pytest.raises(SameTranscript, match="same transcript"):
        targets_of(files, BatchRecord(tmp_path))
