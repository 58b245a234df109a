import pytest
from pydantic import ValidationError

from transcription.models import DEMO_CHECKPOINT, checkpoint_of
from transcription.settings import Settings, complaint


def test_the_default_model_is_base_until_one_is_named(monkeypatch):
    monkeypatch.delenv("LONGFORM_MODEL", raising=False)
    assert Settings().model == "base"
    assert not Settings().is_model_named
    assert Settings(model="base").is_model_named
    monkeypatch.setenv("LONGFORM_MODEL", "base")
    assert Settings().is_model_named


def test_the_demo_model_is_shipped_and_small():
    assert checkpoint_of("demo") == str(DEMO_CHECKPOINT)
    assert DEMO_CHECKPOINT.stat().st_size <= 16e6


def test_environment_is_read_with_the_prefix(monkeypatch):
    monkeypatch.setenv("LONGFORM_MODEL", " turbo ")
    monkeypatch.setenv("LONGFORM_SLOTS", "4")
    settings = Settings()
    assert (settings.model, settings.slots) == ("turbo", 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL", "  "), ("SLOTS", "0"), ("PRECISION", "fp7"), ("MAX_AUDIO_SECONDS", "-1")],
)
def test_wrong_settings_are_refused(monkeypatch, name, value):
    monkeypatch.setenv(f"LONGFORM_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_a_wrong_setting_is_explained_in_one_line():
    with pytest.raises(ValidationError) as caught:
        Settings(precision="nine", model=" ")
    text = complaint(caught.value)
    assert "precision: Input should be 'auto'" in text
    assert "got 'nine'" in text
    assert "model: LONGFORM_MODEL is empty" in text
    assert "\n" not in text


def test_settings_that_do_not_go_together_are_explained_without_all_that_was_given():
    with pytest.raises(ValidationError) as caught:
        Settings(ray_address="host:6379", model="base")
    assert complaint(caught.value).startswith("LONGFORM_RAY_ADDRESS needs LONGFORM_RAY_TOKEN_FILE")
    assert "got" not in complaint(caught.value)


def test_every_setting_explains_itself():
    assert all(field.description for field in Settings.model_fields.values())
