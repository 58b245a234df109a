import pytest

from decoding.types import DecodingOptions
from transcription.options import SpeechOptions, temperature_ladder


@pytest.mark.parametrize(
    ("start", "ladder"),
    [
        (0.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.5, (0.5, 0.7, 0.9)),
        (1.0, (1.0,)),
    ],
)
def test_temperature_ladder(start, ladder):
    assert temperature_ladder(start) == pytest.approx(ladder)


def test_default_ladder_is_the_one_from_zero():
    assert temperature_ladder(0.0) == pytest.approx(DecodingOptions().temperatures)


def test_threshold_is_a_probability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        SpeechOptions(threshold=1.0)


@pytest.mark.parametrize("wrong", [{"min_silence": -0.1}, {"pad": -1.0}])
def test_silences_are_not_negative(wrong):
    with pytest.raises(ValueError, match="0 seconds or more"):
        SpeechOptions(**wrong)
