"""Which attention the encoder has, and that all of them are attention."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.kernels import int8_attention
from decoding.model import encoder_attention
from decoding.model.audio_encoder import AudioEncoder
from decoding.model.dimensions import Dimensions
from decoding.model.encoder_attention import attend, attention_for
from decoding.model.layers import PRECISIONS, Placement

pytestmark = pytest.mark.instructions


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found.float() - wanted.float()).norm() / wanted.float().norm())


def test_attention_in_parts_is_attention() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 600, 64) * s for s in (0.4, 0.4, 1.0))
    exact = attend(query, key, value)
    assert torch.allclose(
        exact,
        F.scaled_dot_product_attention(query, key, value, scale=1.0).transpose(1, 2).flatten(2),
    )
    parts = attend(*(one.bfloat16() for one in (query, key, value)))
    assert parts.shape == exact.shape
    assert relative(parts, exact) < 0.02


@pytest.mark.parametrize(
    ("precision", "width", "has_quads", "has_tiles", "is_int8"),
    [
        ("int8", 64, True, False, True),
        ("int8", 64, True, True, False),
        ("int8", 64, False, False, False),
        ("int8", 32, True, False, False),
        ("fp32", 64, True, False, False),
        ("bf16", 64, True, False, False),
    ],
)
def test_attention_of_each_processor(
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    width: int,
    has_quads: bool,
    has_tiles: bool,
    is_int8: bool,
) -> None:
    monkeypatch.setattr(encoder_attention, "multiplies_quads", lambda: has_quads)
    monkeypatch.setattr(encoder_attention, "has_tile_instructions", lambda: has_tiles)
    chosen = attention_for(PRECISIONS[precision], width)
    assert (chosen is int8_attention.attend) is is_int8


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-5), ("bf16", 0.02), ("int8", 0.05)])
def test_attention_is_near_the_exact_one_in_each_precision(precision: str, most: float) -> None:
    torch.manual_seed(1)
    merged = torch.randn(1, 1500, 3, 2, 64)
    merged[:, :, 0] *= 0.3
    exact = attend(*merged.permute(2, 0, 3, 1, 4))
    assert relative(attention_for(PRECISIONS[precision], 64)(merged), exact) < most


def test_an_encoder_of_8_bits_is_near_one_of_single_precision() -> None:
    small = Dimensions(80, 1500, 128, 2, 2, 51865, 448, 128, 2, 2)
    state, mel = _state(small), torch.randn(1, 80, 3000)
    whole, few = (
        AudioEncoder(state, small, Placement(torch.device("cpu"), PRECISIONS[name]))(mel)
        for name in ("fp32", "int8")
    )
    assert 0 < relative(few, whole) < 0.04


def _state(dimensions: Dimensions) -> dict[str, Tensor]:
    """Random weights of openai-whisper's own encoder."""
    from whisper.model import AudioEncoder as Theirs

    torch.manual_seed(2)
    encoder = Theirs(80, 1500, dimensions.n_audio_state, 2, 2)
    return {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
