import io
import json

import pytest

from bulk import manifest
from bulk.manifest import BrokenLine, Line, Manifest, id_of


def lines_of(content: bytes, base="/lists"):
    source = Manifest(lambda: io.BytesIO(content), base)
    lines = list(source.lines())
    assert list(source.lines()) == lines  # as often as it is wanted
    return lines


def only(**fields):
    (line,) = lines_of(json.dumps(fields).encode())
    return line


def test_everything_that_a_line_says():
    line = only(audio="a.wav", id="talk 1", language="Hindi", text="namaste")
    assert line == Line(1, "talk 1", "a.wav", "/lists/a.wav", "Hindi", "namaste")


def test_nemo_s_name_and_a_number_as_id():
    line = only(audio_filepath="/a.wav", duration=3.5, id=7, text="", offset=0.0)
    assert (line.source, line.id, line.text) == ("/a.wav", "7", "")


def test_ids_of_lines_without_one_are_stable_and_differ():
    one, other = only(audio="x/talk.wav"), only(audio="y/talk.wav")
    assert one.id == only(audio="x/talk.wav").id == only(audio="/lists/x/talk.wav").id
    assert one.id != other.id
    assert one.id.startswith("talk-")


def test_ids_of_addresses():
    assert id_of("https://h/a%20b.mp3?sign=1").startswith("a b-")
    assert id_of("https://h/a.mp3?sign=1") != id_of("https://h/a.mp3?sign=2")
    assert id_of("https://h/").startswith("recording-")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{oops", "not JSON"),
        (b"\xff\xfe{}", "not JSON in UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b'["a.wav"]', "not a JSON object"),
        (b"{}", "no 'audio'"),
        (b'{"audio": ""}', "no 'audio'"),
        (b'{"audio": 7}', "'audio' must be"),
        (b'{"audio": "a\\u0000.wav"}', "'audio' must be"),
        (b'{"audio": "\\ud800.wav"}', "'audio' must be"),
        (b'{"audio": "a.wav", "id": ""}', "'id' must be"),
        (b'{"audio": "a.wav", "id": true}', "'id' must be"),
        (b'{"audio": "a.wav", "id": "\\ud800"}', "'id' must be"),
        (b'{"audio": "a.wav", "language": "klingon"}', "got 'klingon'"),
        (b'{"audio": "a.wav", "language": 7}', "'language' must be"),
        (b'{"audio": "a.wav", "text": ["a"]}', "'text' must be"),
        (b'{"audio": "a.wav", "offset": 3.5}', "a part of a recording"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(content, problem):
    good = b'{"audio": "a.wav"}'
    first, broken, last = lines_of(b"\n".join((good, content, b"", good)))
    assert (first.number, broken.number, last.number) == (1, 2, 4)
    assert isinstance(broken, BrokenLine)
    assert problem in broken.problem


def test_a_line_without_an_end_is_not_held(monkeypatch):
    monkeypatch.setattr(manifest, "MAX_LINE_BYTES", 100)
    good = b'{"audio": "a.wav"}\n'
    first, broken, last = lines_of(good + b"x" * 1000 + b"\n" + good)
    assert (first.number, last.number) == (1, 3)
    assert broken == BrokenLine(2, "it has more than 100 bytes")


def test_a_mark_of_byte_order_is_none_of_the_text():
    (line,) = lines_of(b'\xef\xbb\xbf{"audio": "a.wav"}')
    assert line.audio == "a.wav"
