import pytest

from decoding import errors as of_engine
from transcription import errors as of_sound
from transcription.failures import reason_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (of_sound.CorruptAudio("x"), "corrupt_audio"),
        (of_sound.AudioNotFound("x"), "audio_not_found"),
        (of_sound.DecoderFailed("x"), "decoder_failed"),
        (of_engine.UnsupportedOption("x"), "unsupported_option"),
        (of_engine.QueueFull("x"), "engine_busy"),
        (of_engine.PoisonClip("x"), "recording_stops_engine"),
        (of_engine.NotFinite("x"), "numbers_overflowed"),
        (of_engine.EngineFailed("x"), "engine_failed"),
    ],
)
def test_every_failure_has_a_stable_code(error, code):
    assert reason_of(error).code == code


def test_what_an_engine_says_of_itself_is_not_told():
    assert "secret" not in reason_of(of_engine.EngineFailed("secret")).message


@pytest.mark.parametrize("error", [OSError(28, "full"), ValueError("x"), KeyError("x")])
def test_other_errors_are_no_failures_of_a_recording(error):
    assert reason_of(error) is None
