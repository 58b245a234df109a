"""Checkpoints of Whisper's true sizes with random weights, for machines without the official ones.

The weights make the search do honest work (attention that matters, no favourite token), and hear
nothing: such a checkpoint is for timing alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.checkpoint_conversion import cache_folder
from decoding.loading.checkpoint import expected_shapes
from decoding.model.dimensions import Dimensions

if TYPE_CHECKING:
    import torch

FRAMES: Final = 1500
CONTEXT: Final = 448
FIRST_TIMESTAMP: Final = {51_865: 50_364, 51_866: 50_365}
SEED: Final = 20_251_123


def _dimensions(width: int, encoder_layers: int, decoder_layers: int, mels: int) -> dict[str, int]:
    heads = width // 64
    return {
        "n_mels": mels,
        "n_audio_ctx": FRAMES,
        "n_audio_state": width,
        "n_audio_head": heads,
        "n_audio_layer": encoder_layers,
        "n_vocab": 51_866 if mels == 128 else 51_865,
        "n_text_ctx": CONTEXT,
        "n_text_state": width,
        "n_text_head": heads,
        "n_text_layer": decoder_layers,
    }


SIZES: Final = {
    "toy": _dimensions(64, 1, 1, 80),
    "tiny": _dimensions(384, 4, 4, 80),
    "base": _dimensions(512, 6, 6, 80),
    "small": _dimensions(768, 12, 12, 80),
    "medium": _dimensions(1024, 24, 24, 80),
    "turbo": _dimensions(1280, 32, 4, 128),
    "large-v3": _dimensions(1280, 32, 32, 128),
}


def random_checkpoint(size: str, cache: Path | None = None, device: str = "cpu") -> Path:
    """A checkpoint of openai-whisper's format in the cache, written when it is not there.

    Made on a graphics processor, where that takes seconds, it has other weights, in half precision.
    """
    import torch

    is_on_card = device.startswith("cuda") and torch.cuda.is_available()
    target = (cache or cache_folder()) / "random" / f"{size}{'-cuda' if is_on_card else ''}.pt"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".part")
        state = _half_state(SIZES[size], device) if is_on_card else random_state(SIZES[size])
        torch.save({"dims": SIZES[size], "model_state_dict": state}, unfinished)
        unfinished.rename(target)
    return target


def random_state(dimensions: dict[str, int]) -> dict[str, torch.Tensor]:
    """Weights by openai-whisper's names, the same for the same dimensions."""
    from whisper.model import ModelDimensions, Whisper

    state = Whisper(ModelDimensions(**dimensions)).state_dict()
    return _filled({name: weight.shape for name, weight in state.items()}, dimensions, "cpu")


def _half_state(dimensions: dict[str, int], device: str) -> dict[str, torch.Tensor]:
    """The like, made on `device`."""
    import torch

    shapes = dict(expected_shapes(Dimensions(**dimensions)))
    state = _filled(shapes, dimensions, device)
    return {name: weight.to("cpu", torch.float16) for name, weight in state.items()}


def _filled(
    shapes: Mapping[str, Sequence[int]], dimensions: dict[str, int], device: str
) -> dict[str, torch.Tensor]:
    import torch
    from whisper.model import sinusoids

    generator = torch.Generator(device).manual_seed(SEED)
    state = {
        name: _scaled(name, torch.randn(tuple(shape), generator=generator, device=device))
        for name, shape in shapes.items()
    }
    timestamps = FIRST_TIMESTAMP[dimensions["n_vocab"]]
    state["decoder.token_embedding.weight"][timestamps:] *= 0.5  # now and then, as in speech
    positions = "encoder.positional_embedding"
    state[positions] = sinusoids(*shapes[positions]).to(device)
    return state


def _scaled(name: str, weight: torch.Tensor) -> torch.Tensor:
    if weight.ndim == 1:
        return 0.02 * weight + (1.0 if name.endswith("weight") else 0.0)
    if name.endswith(("token_embedding.weight", "positional_embedding")):
        return 0.18 * weight
    gain = 1.6 if ".query" in name or ".key" in name else 1.0
    return weight * float(gain / weight[0].numel() ** 0.5)
