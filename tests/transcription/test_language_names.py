import pytest

from transcription.language_names import LANGUAGE_NAMES, language_code


@pytest.mark.parametrize("name", ["hi", "HI", "hindi", " Hindi "])
def test_codes_and_names_in_any_case(name):
    assert language_code(name) == "hi"


def test_every_name_has_one_code():
    assert [language_code(name) for name in LANGUAGE_NAMES.values()] == list(LANGUAGE_NAMES)


@pytest.mark.parametrize("name", ["klingon", "", "en-US"])
def test_what_whisper_does_not_know(name):
    with pytest.raises(ValueError, match=f"got '{name}'"):
        language_code(name)
