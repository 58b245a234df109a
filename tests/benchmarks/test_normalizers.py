from __future__ import annotations

import pytest

from benchmarks.normalizers import (
    NORMALIZERS,
    default_normalizers,
    keep_marks,
    needs_marks,
    normalizer_named,
    normalizers_for,
    split_letters,
    warning_for,
)
from benchmarks.scoring import score

HINDI = "हिन्दी में लिखा हुआ वाक्य।"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HINDI, "हिन्दी में लिखा हुआ वाक्य"),
        ("ภาษาไทย ง่าย!", "ภาษาไทย ง่าย"),
        ("مَرْحَبًا، يا عالم؟", "مَرْحَبًا يا عالم"),
        ("Don't — stop (laughs) [noise] <unk>", "dont stop"),
        ("l’été à l'heure", "lété à lheure"),
        ("٣٤ किताबें १२", "34 किताबें 12"),
        ("ﬁne\u200dprint", "fineprint"),
        ("Straße", "strasse"),
        ("", ""),
    ],
)
def test_marks_are_kept(text: str, expected: str) -> None:
    assert normalizer_named("multilingual")(text) == expected


def test_composed_and_decomposed_text_is_the_same_word() -> None:
    assert keep_marks("\u0958") == keep_marks("\u0915\u093c")  # Devanagari qa
    assert keep_marks("é") == keep_marks("e\u0301")


def test_openai_basic_shatters_hindi() -> None:
    assert normalizer_named("openai-basic")(HINDI) == "ह न द म ल ख ह आ व क य"


def test_openai_english() -> None:
    assert normalizer_named("openai-english")("Mr. Twenty-One won't, um, pay $20") == (
        "mister 21 will not pay $20"
    )


NUMBER = "1 2 2 3 5 5 5"


@pytest.mark.parametrize(
    "written",
    [
        "one two two three five five five",
        "1, 2, 2, 3, 5, 5, 5",
        "1 double 2, 3 triple 5",
        "One double two three, triple five.",
        "1223-555",
        "12 23 555",
        "1223555",
    ],
)
def test_however_digits_are_grouped_each_is_a_word(written: str) -> None:
    assert normalizer_named("openai-english-digits")(written) == NUMBER


def test_openai_english_joins_spelt_digits_and_leaves_written_ones() -> None:
    """Why a telephone number that was heard right may count as ten errors."""
    rules = normalizer_named("openai-english")
    assert rules("two two three five") == "2235"
    assert rules("2, 2, 3, 5") == "2 2 3 5"
    assert score("call two two three five", "call 2, 2, 3, 5").words.errors == 4
    assert score("call 2235", "call 2, 2, 3, 5", "openai-english-digits").words.errors == 0


def test_digits_leave_other_words_as_openai_english_does() -> None:
    assert normalizer_named("openai-english-digits")("Doubles won't, um, pay $20; double room") == (
        "doubles will not pay $ 2 0 double room"
    )


def test_letters_are_grapheme_clusters() -> None:
    assert split_letters("กำ ที่") == "กำ ที่"
    assert normalizer_named("multilingual-letters").words("你好，世界") == tuple("你好世界")


def test_defaults() -> None:
    assert default_normalizers("en") == ("openai-english",)
    assert default_normalizers("hi") == ("multilingual", "openai-basic")
    assert default_normalizers("th")[0] == "multilingual-letters"
    for language in ("en", "hi", "th"):
        assert all(name in NORMALIZERS for name in default_normalizers(language))


def test_scripts_that_need_marks() -> None:
    assert needs_marks(HINDI)
    assert needs_marks("السلام عليكم")
    assert not needs_marks("plain English, naïve café")
    assert not needs_marks("")


def test_warning_names_the_way_out() -> None:
    warning = warning_for(normalizer_named("openai-basic"), HINDI)
    assert warning is not None
    assert "multilingual" in warning
    assert warning_for(normalizer_named("multilingual"), HINDI) is None
    assert warning_for(normalizer_named("openai-basic"), "English") is None


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueError, match="openai-english"):
        normalizer_named("english")


GERMAN = "es geht um den Hund und um die Katze und um das Haus"


def test_english_rules_on_german_are_warned_of() -> None:
    """They take "um" for a hesitation: a transcript without any of them has no error."""
    found = score(GERMAN, GERMAN.replace("um ", ""), "openai-english")
    assert found.wer == 0.0
    assert found.warning is not None
    assert "made for English" in found.warning
    right = score(GERMAN, GERMAN.replace("um ", ""), "multilingual")
    assert right.wer == pytest.approx(3 / 13)
    assert right.warning is None
    assert score("it is about the dog, and about the cat", "it", "openai-english").warning is None


def test_recordings_of_several_languages_get_rules_that_hide_nothing() -> None:
    assert normalizers_for(["en", "en"]) == ("openai-english",)
    assert normalizers_for(["th", "zh"])[0] == "multilingual-letters"
    assert normalizers_for(["en", "de"])[0] == "multilingual"
