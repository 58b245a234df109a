import pytest

from decoding.types import DecodingOptions
from transcription.options import SpeechOptions, fallback_temperatures


@pytest.mark.parametrize(
    ("start", "temperatures"),
    [
        (0.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.5, (0.5, 0.7, 0.9)),
        (1.0, (1.0,)),
    ],
)
def test_fallback_temperatures(start, temperatures):
    assert fallback_temperatures(start) == pytest.approx(temperatures)


@pytest.mark.parametrize("start", [5.0, -0.2, float("nan")])
def test_a_start_that_is_no_temperature_is_told(start):
    with pytest.raises(ValueError, match=f"temperature must be 0 to 1, got {start:g}"):
        fallback_temperatures(start)


def test_default_ladder_is_the_one_from_zero():
    assert fallback_temperatures(0.0) == pytest.approx(DecodingOptions().temperatures)


def test_threshold_is_a_probability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        SpeechOptions(threshold=1.0)


@pytest.mark.parametrize("wrong", [{"min_silence": -0.1}, {"pad": -1.0}])
def test_silences_are_not_negative(wrong):
    with pytest.raises(ValueError, match="0 seconds or more"):
        SpeechOptions(**wrong)
