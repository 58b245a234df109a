import fsspec
import pytest

from bulk.output import Output, OutputFailed


@pytest.fixture(params=["here", "store"])
def output(request, tmp_path):
    store = fsspec.filesystem("memory")
    if store.exists("/output"):
        store.rm("/output", recursive=True)
    address = str(tmp_path / "out") if request.param == "here" else "memory://output/deep"
    (tmp_path / "scratch").mkdir()
    made = Output(address, tmp_path / "scratch")
    with made.opened():
        yield made


def test_files_are_written_read_listed_and_removed(output):
    assert output.names_in("parts") == []
    output.write("parts/2.jsonl", ["b", "\n", "c"])
    output.write("parts/1.jsonl", ["ä\n"])
    assert output.names_in("parts") == ["parts/1.jsonl", "parts/2.jsonl"]
    assert list(output.read_all(output.names_in("parts"))) == ["ä\n".encode(), b"b\nc"]
    assert list(output.lines("parts/2.jsonl")) == [b"b\n", b"c"]
    assert output.exists("parts/1.jsonl")
    output.remove(output.names_in("parts"))
    assert not output.exists("parts/1.jsonl")
    assert output.names_in("parts") == []


def test_what_is_there_is_replaced(output):
    output.write("a", ["one"])
    output.write("a", ["two"])
    assert output.read("a") == b"two"


def test_what_breaks_off_was_never_there(output, tmp_path):
    def parts():
        yield "half"
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        output.write("a", parts())
    assert not output.exists("a")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == []


def test_what_a_killed_run_left_is_removed(tmp_path):
    output = Output(str(tmp_path), tmp_path)
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / "x").write_text("half")
    with output.opened():
        assert list((tmp_path / ".partial").iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_empty_folders_go_with_their_files(tmp_path):
    output = Output(str(tmp_path / "out"), tmp_path)
    with output.opened():
        output.write("parts/1", ["x"])
        output.remove(["parts/1"])
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("address", ["https://h/out", "ftp://h/out", "simplecache::s3://b/out"])
def test_what_cannot_be_written_to(tmp_path, address):
    with pytest.raises(ValueError, match="cannot be written"):
        Output(address, tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("x")
    with (
        pytest.raises(OutputFailed, match="cannot be written"),
        Output(str(tmp_path / "out"), tmp_path).opened(),
    ):
        pass
