"""Languages as clients write them."""

import pytest

from transcription.language_names import LANGUAGE_NAMES, SECOND_NAMES, language_code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        *(("en", "en"), ("EN", "en"), ("English", "en"), (" german ", "de"), ("en-US", "en")),
        *(("pt_BR", "pt"), ("zh-CN", "zh"), ("zh-Hant-TW", "zh"), ("nb", "no"), ("nb-NO", "no")),
        *(("iw", "he"), ("jv", "jw"), ("fil", "tl"), ("fil-PH", "tl"), ("cmn", "zh")),
        *(("Mandarin", "zh"), ("Castilian", "es"), ("haitian creole", "ht"), ("yue", "yue")),
    ],
)
def test_language_code(given, code):
    assert language_code(given) == code


@pytest.mark.parametrize("given", ["klingon", "", "-", "x-en", "_en", "e n"])
def test_no_language(given):
    with pytest.raises(ValueError, match="language must be"):
        language_code(given)


def test_second_names_are_of_known_languages():
    assert set(SECOND_NAMES.values()) <= set(LANGUAGE_NAMES)
    assert not set(SECOND_NAMES) & set(LANGUAGE_NAMES)
