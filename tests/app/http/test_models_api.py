"""The names that a client may use, over HTTP and with the official client."""

from __future__ import annotations

import openai
import pytest

from tests.app.conftest import Start
from tests.app.engines.planted_models import PlantedOpening, pool_of
from tests.app.planted import text_of, wav

SOUND = wav(5, seed=8)


def test_every_name_of_the_list_is_answered(start: Start):
    client = start(engines=pool_of(PlantedOpening("turbo"))).openai()
    listed = [model.id for model in client.models.list()]
    assert listed[0] == "turbo"
    assert {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"} < set(listed)
    for name in (*listed, "openai/whisper-large-v3-turbo", "gpt-4o-transcribe-2025-03-20"):
        assert client.models.retrieve(name).id == name
        heard = client.audio.transcriptions.create(model=name, file=("a.wav", SOUND))
        assert heard.text == text_of(SOUND)


def test_the_error_of_an_unknown_name_says_how_to_add_it(start: Start):
    client = start(engines=pool_of(PlantedOpening("turbo"))).openai()
    with pytest.raises(openai.NotFoundError) as error:
        client.audio.transcriptions.create(model="my-whisper", file=("a.wav", SOUND))
    assert error.value.code == "model_not_found"
    assert "This service has turbo, " in error.value.message
    assert "set LONGFORM_MODEL_ALIASES=hosted,my-whisper=turbo" in error.value.message
    with pytest.raises(openai.NotFoundError, match="LONGFORM_MODEL_ALIASES"):
        client.models.retrieve("my-whisper")


def test_aliases_of_the_settings(start: Start):
    running = start(engines=pool_of(PlantedOpening("turbo")), model_aliases="my-whisper")
    client = running.openai()
    assert [model.id for model in client.models.list()] == ["turbo", "whisper-1", "my-whisper"]
    heard = client.audio.transcriptions.create(model="my-whisper", file=("a.wav", SOUND))
    assert heard.text == text_of(SOUND)
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", SOUND))
