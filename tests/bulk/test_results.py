import json

import pytest

from bulk.entries import Entry
from bulk.output import Output
from bulk.results import Results, name_of
from chunking.types import Coverage
from transcription.types import Transcript


def test_names_are_safe_and_differ():
    ids = [
        "talk",
        "a/b",
        "a%2Fb",
        "a b",
        "..",
        ".",
        ".hidden",
        "../x",
        "x" * 300,
        "x" * 301,
        "हिन्दी",
        "A",
        "a",
    ]
    names = [name_of(one) for one in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        folder, file = name.split("/")
        assert folder == "results"
        assert not file.startswith(".")
        assert file.isascii()
        assert len(file) < 200
    assert names[0] == "results/talk.json"


@pytest.fixture
def results(tmp_path):
    output = Output(str(tmp_path), tmp_path)
    with output.opened():
        yield Results(output)


def test_the_entry_is_read_again_from_the_result(results, tmp_path):
    transcript = Transcript("en", 2.0, (), Coverage(2.0, 0.0), 1, "planted")
    entry = results.write(Entry(3, "completed", "a/b", "a.wav", duration=2.0), transcript)
    assert entry.result == "results/a%2Fb.json"
    assert results.entry_of("a/b") == entry
    document = json.loads((tmp_path / entry.result).read_text())
    assert list(document)[:2] == ["recording", "task"]
    assert {"text", "segments", "words", "coverage"} <= document.keys()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"recording": {"status": "completed"}}'])
def test_what_is_no_result_of_that_recording_is_made_again(results, tmp_path, content):
    assert results.entry_of("a") is None
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a.json").write_text(content)
    assert results.exists("a")
    assert results.entry_of("a") is None
