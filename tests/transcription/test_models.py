from __future__ import annotations

from pathlib import Path

import pytest
import whisper

from decoding.cluster import Cluster
from decoding.errors import DecodingError, ModelNotFound
from decoding.process import EngineProcess
from transcription.models import fetch, open_decoder, open_engine
from transcription.settings import Settings


def test_device_that_is_not_there_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="cuda:99"):
        open_decoder(Settings(devices="cuda:99"))


@pytest.mark.parametrize("given", [True, False])
def test_graphs_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    monkeypatch.setenv("LONGFORM_CUDA_GRAPHS", str(int(given)))
    opened = []
    monkeypatch.setattr("decoding.engine.Engine", lambda model, **_: opened.append(model))
    open_engine(Settings(), "cpu")
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


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "kind"), [("cpu", EngineProcess), ("cpu,cpu", Cluster)])
def test_engines_in_their_own_processes(devices: str, kind: type) -> None:
    decoder = open_decoder(Settings(devices=devices, threads=1), own_process=True)
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
