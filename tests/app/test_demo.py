"""The demonstration: what it prints and writes, and what it says when something breaks."""

import json
import shutil
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import httpx
import pytest

from benchmarks import demo
from tests.app.conftest import Start
from tests.app.planted import PlantedDecoder
from tests.planted import plant, write_wav

REFERENCE = "nobody said this"


def hearing_as_demo() -> PlantedDecoder:
    decoder = PlantedDecoder()
    decoder.model = replace(decoder.model, name="demo")
    return decoder


@pytest.fixture
def short_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The demonstration on a planted recording, with its output in a folder of the test."""
    sound = write_wav(tmp_path / "talk.wav", plant(90))
    monkeypatch.setattr(demo, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(demo, "shipped_recording", lambda: (sound, {"text": REFERENCE}))

    def against(url: str) -> int:
        @contextmanager
        def at_url():
            yield url

        monkeypatch.setattr(demo, "running_service", at_url)
        return demo.main()

    return against


def test_demo_prints_figures_and_writes_every_format(
    short_demo, start: Start, tmp_path: Path
) -> None:
    with redirect_stdout(StringIO()) as printed:
        assert short_demo(start(hearing_as_demo()).url) == 0
    result = json.loads(printed.getvalue().splitlines()[-1])
    assert result["output"] == str(tmp_path / "output")
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "output").iterdir()}
    assert set(written) == {"talk.txt", "talk.srt", "talk.vtt", "talk.json"}
    transcript = json.loads(written["talk.json"])
    assert written["talk.txt"].strip() == transcript["text"]
    assert len(transcript["words"]) == len(transcript["text"].split()) > 3
    assert (result["reference_words"], result["substitutions"]) == (3, 3)
    assert result["wer"] == (3 + result["insertions"]) / 3
    assert result["windows"] == 2


def test_demo_ends_with_the_reason_when_the_job_fails(short_demo, start: Start) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("planted failure")

    with pytest.raises(SystemExit, match="the job ended as failed"):
        short_demo(start(hearing_as_demo(), pipeline=fails).url)


def test_demo_shows_why_the_service_did_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.sys, "executable", shutil.which("false"))
    with (
        pytest.raises(SystemExit, match="the service did not start"),
        demo.running_service(),
    ):
        pytest.fail("there is no service to speak to")


@pytest.mark.slow
def test_the_service_of_the_demo_is_gone_with_it() -> None:
    with demo.running_service() as address:
        assert httpx.get(f"{address}/ready").status_code == httpx.codes.OK
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/ready")


def test_the_shipped_recording_has_its_reference() -> None:
    sound, reference = demo.shipped_recording()
    assert sound.is_file()
    assert len(reference["text"].split()) > 500
