from __future__ import annotations

import pytest
import whisper

from app.engines.names import HOSTED_NAMES, ModelNames
from transcription.model_names import OFFICIAL_MEGABYTES, SAME, official_name


def test_the_table_of_official_names_is_openais():
    assert set(OFFICIAL_MEGABYTES) == set(whisper.available_models())
    for one, other in SAME.items():
        assert whisper._MODELS[one] == whisper._MODELS[other]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("turbo", "turbo"),
        ("large-v3-turbo", "turbo"),
        ("whisper-large-v3-turbo", "turbo"),
        ("openai/whisper-large-v3-turbo", "turbo"),
        ("deepdml/faster-whisper-large-v3-turbo-ct2", "turbo"),
        ("openai/whisper-large-v3", "large-v3"),
        ("large", "large-v3"),
        ("Systran/faster-whisper-large-v3", "large-v3"),
        ("Systran/faster-whisper-tiny.en", "tiny.en"),
        ("whisper-base", "base"),
        ("Whisper-Base", "base"),
        ("somebody/whisper-base", None),
        ("whisper-1", None),
        ("base2", None),
        ("", None),
    ],
)
def test_official_names_however_they_are_dressed(given: str, meant: str | None):
    assert official_name(given) == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("base", "base"),
        ("openai/whisper-base", "base"),
        ("large-v3-turbo", "turbo"),
        ("openai/whisper-large-v3", None),  # of another model
        ("whisper-1", "base"),
        ("gpt-4o-transcribe", "base"),
        ("gpt-4o-mini-transcribe-2025-12-15", "base"),
        ("gpt-4o-transcribe-diarize", "base"),
        ("gpt-transcribe", "base"),
        ("gpt-5", None),
        ("gpt-5-2025-12-15", None),
    ],
)
def test_which_model_is_meant(given: str, meant: str | None):
    assert ModelNames(("base", "turbo")).meant_by(given) == meant


def test_aliases_of_ones_own():
    names = ModelNames(
        ("base", "turbo"), "hosted, My-Name, exact=large-v3-turbo,gpt-transcribe=turbo"
    )
    assert names.meant_by("my-name") == "base"
    assert names.meant_by("exact") == "turbo"
    assert names.meant_by("gpt-transcribe") == "turbo"
    assert names.meant_by("gpt-4o-transcribe") == "base"
    assert list(names.listed)[:2] == ["base", "turbo"]
    assert set(HOSTED_NAMES) < set(names.listed)
    assert names.listed["gpt-transcribe"] == "turbo"


def test_hosted_names_can_be_switched_off_and_whisper_1_not():
    names = ModelNames(("base",), "")
    assert names.meant_by("gpt-4o-transcribe") is None
    assert names.listed == {"base": "base", "whisper-1": "base"}
    assert names.how_to_add("x").endswith("set LONGFORM_MODEL_ALIASES=x=base")


@pytest.mark.parametrize("wrong", ["a=b", "=base", "a=large-v3"])
def test_an_alias_of_nothing_is_refused(wrong: str):
    with pytest.raises(ValueError, match=r"LONGFORM_MODEL_ALIASES: '.*' names no model of this"):
        ModelNames(("base",), wrong)
