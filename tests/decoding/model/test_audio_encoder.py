"""A clip of which the rest is silence, which is heard coarsely."""

from __future__ import annotations

import pytest
import torch

from decoding.loading.loader import load_model
from decoding.model.audio_encoder import COARSE, frames_of
from tests.decoding.small_models import dimensions, random_model, save

FRAMES, WINDOW = 204, 1500
SILENT = -0.8  # the floor of a spectrogram


@pytest.fixture(scope="module", params=["fp32", "int8", "bf16"])
def encoder(request, tmp_path_factory):
    """Positions as official models have them, which change slowly; random ones have no silence."""
    model = random_model(5)
    path = save(model, tmp_path_factory.mktemp("model") / "small.pt")
    encoder = load_model(str(path), precision=request.param).encoder
    positions = torch.linspace(0.0, 3.0, WINDOW)[:, None] + torch.linspace(0.0, 2.0, 64)
    encoder._positions = positions.sin().to(encoder._positions.dtype)
    return encoder


def clips(count):
    """Mel spectrograms of noise in the first frames."""
    sound = 2 * FRAMES - 100
    mel = torch.full((count, 80, 2 * WINDOW), SILENT)
    generator = torch.Generator().manual_seed(count)
    mel[..., :sound] = torch.randn(count, 80, sound, generator=generator)
    return mel


def test_a_clip_and_its_silence_are_heard_nearly_as_finely(encoder):
    """Much nearer than without the silence, or with each of its frames counted once."""
    mel = clips(1)
    whole, found = encoder(mel).float(), encoder(mel, [FRAMES]).float()
    assert found.shape == whole.shape
    silent = encoder(torch.full_like(mel, SILENT)).float()
    assert (found - whole).norm() < 0.1 * (silent - whole).norm()
    assert not torch.equal(found, whole)


def test_frames_of_silence_count_as_those_they_stand_for(encoder, monkeypatch):
    mel = clips(1)
    whole, found = encoder(mel).float(), encoder(mel, [FRAMES]).float()
    monkeypatch.setattr("decoding.model.audio_encoder.math.log", lambda _: 0.0)
    once = encoder(mel, [FRAMES]).float()
    assert (found - whole)[:, :FRAMES].norm() < 0.5 * (once - whole)[:, :FRAMES].norm()


def test_neighbours_change_nothing(encoder):
    mel, frames = clips(3), [FRAMES, WINDOW, FRAMES + 2 * COARSE]
    together = encoder(mel, frames)
    for at in range(3):
        assert torch.equal(encoder(mel[at : at + 1], frames[at : at + 1])[0], together[at])


def test_all_frames_are_a_whole_window(encoder):
    mel = clips(2)
    assert torch.equal(encoder(mel, [WINDOW, WINDOW]), encoder(mel))


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 52), (3.001, 204), (19.0, 1000), (19.1, 1500), (30.0, 1500)]
)
def test_a_second_behind_a_clip_is_heard_finely_or_all(seconds, frames):
    assert frames_of(seconds, dimensions()) == frames
