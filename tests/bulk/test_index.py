import json

import pytest

from bulk import index as module
from bulk.entries import Entry, entry_in, entry_of
from bulk.index import INDEX, PARTS, Index, key_of
from bulk.output import Output


@pytest.fixture
def output(tmp_path):
    output = Output(str(tmp_path / "out"), tmp_path)
    with output.opened():
        yield output


@pytest.fixture
def opened(output, tmp_path):
    """A new index each time, as a new run has it."""
    made = []

    def make(load=True):
        (tmp_path / f"{len(made)}").mkdir()
        made.append(Index(output, tmp_path / f"{len(made)}", clock=lambda: 0.0))
        if load:
            made[-1].load()
        return made[-1]

    yield make
    for index in made:
        index.close()


def completed(name, line=1):
    return Entry(line, "completed", name, f"{name}.wav", words=3, duration=1.5)


def failed(name):
    return Entry(2, "failed", name, error_code="corrupt_audio", error="It is damaged.")


def test_entries_are_found_by_the_next_run(opened):
    index = opened()
    index.add(completed("á"))
    index.add(failed("b"))
    index.save()
    index.add(completed("lost"))
    again = opened()
    assert again.find("á") == completed("á")
    assert (again.status_of("á"), again.status_of("b")) == ("completed", "failed")
    assert again.status_of("lost") is None
    assert again.find("lost") is None


def test_the_newest_word_counts(opened, output):
    opened().finish([failed("a"), completed("b")])
    index = opened()
    index.add(completed("a", 9))
    index.save()
    assert opened().find("a") == completed("a", 9)
    assert opened().status_of("a") == "completed"


def test_parts_are_written_after_so_many_lines(opened, output, monkeypatch):
    monkeypatch.setattr(module, "PART_LINES", 2)
    index = opened()
    for number in range(5):
        index.add(completed(f"{number}"))
    assert output.names_in(PARTS) == [f"{PARTS}/0000000{n}.jsonl" for n in (1, 2)]
    again = opened()
    again.add(completed("x"))
    again.save()
    assert output.names_in(PARTS)[-1] == f"{PARTS}/00000003.jsonl"


def test_nothing_but_the_index_is_left_at_the_end(opened, output):
    index = opened()
    index.add(completed("a"))
    index.finish(iter([completed("a", 1), Entry(2, "failed", error_code="broken_line")]))
    assert output.names_in(PARTS) == []
    lines = [json.loads(line) for line in output.lines(INDEX)]
    assert [line["id"] for line in lines] == ["a", None]
    assert list(lines[0])[:5] == ["line", "status", "id", "audio", "result"]


def test_forgetting(opened, output):
    index = opened()
    index.add(completed("a"))
    index.finish([completed("a")])
    opened(load=False).forget()
    assert opened().status_of("a") is None


def test_lines_that_are_no_entries_are_passed_over(opened, output):
    output.write(INDEX, ["{oops\n", "[]\n", '{"status": "odd"}\n', completed("a").text()])
    assert opened().status_of("a") == "completed"


@pytest.mark.parametrize("text", [b"", b"null", b'{"id": "a"}', b'{"status": ["completed"]}'])
def test_what_is_no_entry(text):
    assert entry_in(text) is None


def test_an_entry_reads_back_also_with_fields_of_later_versions():
    entry = completed("a")
    assert entry_of({**entry.document(), "colour": "red"}) == entry
    assert entry_in(entry.text().encode()) == entry


def test_keys_of_ids_are_64_bits():
    assert key_of("a") != key_of("b")
    assert 0 <= key_of("a") < 1 << 64
