"""Keys and values of the sound in 8 bits: how near they are, and windows decoded with them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from decoding.kernels.eight_bits import Pairs, to_eight_bits
from decoding.loading.loader import load_model
from decoding.types import DecodingOptions
from tests.decoding.decoding_alone import decode
from tests.decoding.engine.test_batch import ONCE
from tests.decoding.noise import noise
from tests.decoding.small_models import random_model, save

pytestmark = pytest.mark.instructions


def test_every_number_is_the_nearest():
    whole = torch.randn(2, 3, 50, 64, generator=torch.Generator().manual_seed(1)) * 4
    few = to_eight_bits(whole)
    assert few.numbers.dtype == torch.int8
    assert few.scale.shape == (2, 3, 64)
    apart = (few.whole(torch.float32) - whole).abs().amax(-2)
    assert (apart <= few.scale * 0.501).all()
    assert (few.numbers.abs().amax(-2) == 127).all()


@pytest.mark.parametrize("windows", [1, 3])
def test_on_the_cpu_the_bits_are_those_of_pytorch(windows):
    """As the audio's keys and values come: merged, two in one tensor, heads behind frames."""
    generator = torch.Generator().manual_seed(windows)
    merged = torch.randn(windows, 30, 2 * 4 * 64, generator=generator) * 5
    for whole in merged.view(windows, 30, 2, 4, 64).permute(2, 0, 3, 1, 4):
        found, expected = to_eight_bits(whole), to_eight_bits(whole.double())
        assert torch.equal(found.scale, expected.scale)
        assert torch.equal(found.numbers, expected.numbers)


@pytest.mark.parametrize("pairs", [Pairs.CHANNELS, Pairs.POSITIONS])
@pytest.mark.parametrize("positions", [60, 180])
def test_pairs_are_the_same_numbers_elsewhere(pairs, positions):
    whole = torch.randn(2, 3, positions, 64, generator=torch.Generator().manual_seed(positions))
    plain, paired = to_eight_bits(whole), to_eight_bits(whole, pairs)
    assert torch.equal(paired.scale, plain.scale)
    assert torch.equal(paired.in_order(), plain.numbers)
    assert not torch.equal(paired.numbers, plain.numbers)
    assert torch.equal(paired.whole(torch.float32), plain.whole(torch.float32))


def test_what_lies_in_pairs_lies_beside_each_other():
    whole = torch.arange(120 * 64).view(1, 1, 120, 64).float().remainder(251) - 125
    plain = to_eight_bits(whole).numbers[0, 0]
    channels = to_eight_bits(whole, Pairs.CHANNELS).numbers.flatten()
    assert channels[:2].tolist() == plain[0, :2].tolist()
    assert channels[2:4].tolist() == plain[1, :2].tolist()
    assert channels[120:122].tolist() == plain[0, 2:4].tolist()
    assert channels[60 * 64 :][:2].tolist() == plain[60, :2].tolist()
    positions = to_eight_bits(whole, Pairs.POSITIONS).numbers.flatten()
    assert positions[:2].tolist() == plain[:2, 0].tolist()
    assert positions[128:130].tolist() == plain[2:4, 0].tolist()


@pytest.mark.parametrize("pairs", [Pairs.CHANNELS, Pairs.POSITIONS])
@pytest.mark.parametrize(
    "whole",
    [
        torch.zeros(1, 1, 60, 64, dtype=torch.float64),
        torch.zeros(1, 1, 62, 64),
        torch.zeros(1, 1, 60, 63),
        torch.zeros(1, 60, 64),
        torch.zeros(1, 1, 60, 64, device="meta"),
    ],
)
def test_what_does_not_fit_is_not_paired(whole, pairs):
    with pytest.raises(ValueError, match="no pairs of"):
        to_eight_bits(whole, pairs)


def test_what_is_no_number_has_no_scale():
    whole = torch.ones(1, 2, 4, 64)
    whole[0, 1, 2, 5] = float("nan")
    found = to_eight_bits(whole).scale
    assert found[0, 1, 5].isnan()
    assert found.isnan().sum() == 1


def test_silence_stays_silence():
    assert torch.equal(
        to_eight_bits(torch.zeros(1, 2, 4, 64)).whole(torch.float16).float(),
        torch.zeros(1, 2, 4, 64),
    )


def test_each_channel_of_a_head_has_its_own_scale():
    whole = torch.ones(1, 2, 4, 64)
    whole[:, 1] *= 100
    whole[..., 5] *= 1000
    torch.testing.assert_close(to_eight_bits(whole).whole(torch.float32), whole)


def test_windows_keep_their_sound_in_8_bits(small):
    """Alone and together: text, words and retries elsewhere come from the places' 8 bits, and what
    is said is as probable as with whole numbers, but for their rounding."""
    again = DecodingOptions(
        language="en",
        beam_size=5,
        temperatures=(0.0, 0.4),
        sample_len=6,
        logprob_threshold=0.0,
        best_of=1,
    )
    jobs = [(at, noise(at, 5), DecodingOptions(sample_len=6, **ONCE)) for at in range(4)]
    jobs += [(4, noise(4, 5), again)]
    eight_bit = dataclasses.replace(small, has_eight_bit_audio=True)
    together, alone = decode(eight_bit, jobs, 3), decode(eight_bit, jobs, 1)
    assert together == alone
    whole = decode(small, jobs, 3)
    assert any(one.words for one in together.values())
    for key in range(4):
        assert together[key].avg_logprob == pytest.approx(whole[key].avg_logprob, abs=0.05)
        assert together[key].avg_logprob != whole[key].avg_logprob


def test_beside_8_bit_weights_the_sound_has_8_bits_on_the_cpu(tmp_path):
    """Alone and together the same, words and retries too."""
    path = save(random_model(3), tmp_path / "small.pt")
    model = load_model(str(path), precision="int8")
    assert model.has_eight_bit_audio
    assert not load_model(str(path), precision="fp32").has_eight_bit_audio
    climbing = DecodingOptions(**ONCE | {"temperatures": (0.0, 0.4), "logprob_threshold": 0.0})
    jobs = [(at, noise(at, 5), dataclasses.replace(climbing, sample_len=6)) for at in range(4)]
    assert decode(model, jobs, 3) == decode(model, jobs, 1)
