"""Weights and sums that are no numbers: refused at load, an error at run time, never empty text."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from decoding.engine.engine import Engine
from decoding.errors import ModelUnreadable, NotFinite
from decoding.loading.loader import load_model
from decoding.self_test import check_engine, known_sound
from decoding.types import Clip, DecodingOptions
from tests.app.calls import submit
from tests.app.conftest import Start
from tests.app.planted import PlantedDecoder, wav
from tests.decoding.small_models import random_model, save
from transcription.models import open_decoder
from transcription.settings import Settings

WEIGHTS = [
    "encoder.conv1.weight",
    "encoder.blocks.0.attn.query.weight",
    "decoder.token_embedding.weight",
    "decoder.blocks.1.cross_attn.out.bias",
    "decoder.ln.weight",
]
OPTIONS = DecodingOptions(language="en", temperatures=(0.0, 0.4), sample_len=5)


@pytest.fixture
def model():
    """One of its own, to be spoilt."""
    random_model.cache_clear()
    yield random_model(5)
    random_model.cache_clear()


def spoil(model, name: str, value: float) -> None:
    with torch.no_grad():
        dict(model.named_parameters())[name].view(-1)[7] = value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", WEIGHTS)
def test_one_weight_that_is_no_number_is_refused(model, tmp_path, name, value):
    spoil(model, name, value)
    with pytest.raises(ModelUnreadable, match=f"damaged: its weight {name}"):
        load_model(str(save(model, tmp_path / "bad.pt")))


def test_a_weight_beyond_half_precision_is_refused_there_alone(model, tmp_path):
    spoil(model, "decoder.ln.bias", 1e5)
    path = str(save(model, tmp_path / "large.pt"))
    with pytest.raises(ModelUnreadable, match="more than fp16 can: take bf16 or fp32"):
        load_model(path, precision="fp16")
    load_model(path)
    load_model(path, precision="bf16")


@pytest.fixture
def overflowing(model, tmp_path) -> str:
    """Every weight is small enough for half precision, what they make of sound is not."""
    with torch.no_grad():
        model.encoder.blocks[0].mlp[0].weight.mul_(3e4)
        model.encoder.blocks[0].mlp[2].weight.mul_(3e4)
    return str(save(model, tmp_path / "steep.pt"))


def test_half_precision_that_overflows_is_an_error(overflowing):
    clip = Clip(np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32))
    engine = Engine(load_model(overflowing, precision="fp16"), slots=1, threads=1)
    try:
        with pytest.raises(NotFinite, match="overflow in fp16"):
            engine.submit(clip, OPTIONS).result()
        with pytest.raises(ModelUnreadable, match="cannot be used"):
            check_engine(engine)
        assert engine.is_alive
    finally:
        engine.close()
    whole = Engine(load_model(overflowing), slots=1, threads=1)
    try:
        assert math.isfinite(whole.submit(clip, OPTIONS).result().avg_logprob)
        check_engine(whole)
    finally:
        whole.close()


def test_a_service_does_not_open_an_engine_that_gives_no_numbers(overflowing):
    settings = Settings(model=overflowing, precision="fp16", devices="cpu", threads=1, slots=1)
    with pytest.raises(ModelUnreadable, match="overflow in fp16"):
        open_decoder(settings, own_process=True)


def test_the_known_sound_is_a_second_like_speech():
    sound = known_sound()
    assert (sound.shape, sound.dtype) == ((16_000,), np.float32)
    assert 0.2 < np.abs(sound).max() <= 0.3
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum[:4000].sum() > 0.99 * spectrum.sum()  # where voices are


def test_an_overflow_is_told_and_is_no_empty_text(start: Start):
    decoder = PlantedDecoder(fail=lambda _count: NotFinite("overflow in fp16"))
    running = start(decoder)
    with running.client() as client:
        form = {"files": {"file": ("a.wav", wav(5))}, "data": {"model": "whisper-1"}}
        answer = client.post("/v1/audio/transcriptions", **form)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "numbers_overflowed")
        job = running.wait(submit(client, wav(6)).json()["id"])
        assert (job["status"], job["error"]["code"]) == ("failed", "numbers_overflowed")
        assert decoder.decoded == 2  # no try in vain
