"""Recorded defects of other services, each as a test that they would fail.

The list with its sources is in the project's study of peers; the names say what went wrong there.
"""

from __future__ import annotations

import io
import logging
import wave
from typing import Any

import openai
import pytest

from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, text_of, wav

SOUND = wav(100, seed=21)
FILE = ("long.wav", SOUND)


def create(running: Running, **options: Any) -> Any:
    options = {"file": FILE, "model": "planted", **options}
    return running.openai().audio.transcriptions.create(**options)


def test_the_done_event_of_a_stream_holds_the_whole_text(shared: Running):
    """A peer's `transcript.text.done` is always empty."""
    last = list(create(shared, stream=True))[-1]
    assert (last.type, last.text) == ("transcript.text.done", text_of(SOUND))


def test_a_good_request_logs_no_complaint(shared: Running, caplog: pytest.LogCaptureFixture):
    """A peer logs an error with every answer; ours logs one line that leads to the job."""
    with caplog.at_level(logging.INFO):
        create(shared, stream=True).close()
        text = create(shared, extra_body={"beam_size": 2}).text
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    answered = [vars(record) for record in caplog.records if record.name == "app.access"]
    assert answered[-1]["fields"]["job"].startswith("req_")
    assert answered[-1]["fields"]["status"] == 200
    assert not any(word in str(answered) for word in text.split())


def test_a_wrong_key_is_401_and_not_403(start: Start, tmp_path: Any):
    """A peer answers 403, which clients take for a permission problem."""
    (tmp_path / "keys").write_text("ann:" + "0" * 64)
    running = start(api_keys_file=tmp_path / "keys")
    with pytest.raises(openai.AuthenticationError) as caught:
        create(running)
    assert caught.value.status_code == 401


def test_a_file_over_thirty_seconds_keeps_its_end(shared: Running):
    """A peer's batched mode keeps the first thirty seconds of a stretch."""
    assert create(shared).text.split()[-1] == text_of(SOUND).split()[-1]


def test_a_silent_file_has_segments_for_none(start: Start):
    """A peer answers 500 to a silent file; here nothing is heard and nothing is wrong."""

    def silence(*_: Any, **__: Any) -> Any:
        from chunking.types import Coverage
        from transcription.types import Transcript

        return Transcript("en", 60.0, (), Coverage(0.0, 0.0), 0, "planted")

    running = start(pipeline=silence)
    for form in ("json", "verbose_json", "text", "srt", "vtt"):
        answer = create(running, response_format=form)
        assert (getattr(answer, "text", answer) or "").removeprefix("WEBVTT").strip() == ""
    events = list(create(running, stream=True))
    assert [event.type for event in events] == ["transcript.text.done"]


def test_segments_are_shorter_than_the_file(shared: Running):
    """A peer's default gives one segment per thirty seconds at best, or one in all."""
    answer = create(shared, response_format="verbose_json")
    assert len(answer.segments) == 4


def test_times_do_not_drift(shared: Running):
    """A peer's segment times drifted by half a second per chunk."""
    answer = create(shared, response_format="verbose_json", timestamp_granularities=["segment"])
    assert [segment.start for segment in answer.segments] == [0.0, 30.0, 60.0, 90.0]
    assert answer.segments[-1].end == answer.duration == 100.0


def test_the_language_is_what_was_spoken(start: Start):
    """A peer writes English whenever no language was given, another answers with a code."""
    decoder = PlantedDecoder()
    running = start(decoder)
    assert create(running, language="hi", response_format="verbose_json").language == "hindi"
    assert create(running, response_format="verbose_json").language == "english"


def test_no_option_is_dropped(start: Start):
    """A peer's engine ignores language, prompt, temperature and the translate task."""
    decoder = PlantedDecoder()
    running = start(decoder)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        running.openai().audio.translations.create(
            file=FILE, model="planted", prompt="Asha", temperature=0.8
        )
    options = decoder.options[0]
    assert (options.task, options.prompt, options.temperatures) == ("translate", "Asha", (0.8, 1.0))


def test_an_english_model_does_not_pretend_to_translate(start: Start):
    """Peers return English-looking text from models that never learned to translate."""
    running = start(PlantedDecoder(is_multilingual=False))
    with (
        pytest.raises(openai.BadRequestError) as caught,
        pytest.warns(DeprecationWarning, match="deprecated"),
    ):
        running.openai().audio.translations.create(file=FILE, model="planted")
    assert (caught.value.code, caught.value.param) == ("unsupported_option", "model")


def test_another_model_is_not_answered_by_the_loaded_one(shared: Running):
    """Peers ignore the name, or download whatever a client asks for."""
    with pytest.raises(openai.NotFoundError) as caught:
        create(shared, model="large-v3")
    assert caught.value.code == "model_not_found"


def test_unreadable_files_are_the_client_s_fault(shared: Running):
    """Peers answer 500, and official clients then upload the file three times."""
    header_only = io.BytesIO()
    with wave.open(header_only, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
    for sound in (b"<html>login</html>", b"\x00", header_only.getvalue()[:20]):
        with pytest.raises(openai.BadRequestError):
            create(shared, file=("a.mp3", sound))
