"""Checkpoints of Whisper's true sizes with random weights, for machines without the official ones.

The weights make the search do honest work (attention that matters, no favourite token), and hear
nothing: such a checkpoint is for timing alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.checkpoint_conversion import cache_folder

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


def random_checkpoint(size: str, cache: Path | None = None) -> Path:
    """A checkpoint of openai-whisper's format in the cache, written when it is not there."""
    target = (cache or cache_folder()) / "random" / f"{size}.pt"
    if not target.exists():
        import torch

        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".part")
        content = {"dims": SIZES[size], "model_state_dict": random_state(SIZES[size])}
        torch.save(content, unfinished)
        unfinished.rename(target)
    return target


def random_state(dimensions: dict[str, int]) -> dict[str, torch.Tensor]:
    """Weights by openai-whisper's names, the same for the same dimensions."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    shapes = Whisper(ModelDimensions(**dimensions)).state_dict()
    generator = torch.Generator().manual_seed(SEED)
    state = {}
    for name, like in shapes.items():
        weight = torch.randn(like.shape, generator=generator)
        state[name] = _scaled(name, weight)
    timestamps = FIRST_TIMESTAMP[dimensions["n_vocab"]]
    state["decoder.token_embedding.weight"][timestamps:] *= 0.5  # now and then, as in speech
    state["encoder.positional_embedding"] = shapes["encoder.positional_embedding"]
    return state


def _scaled(name: str, weight: torch.Tensor) -> torch.Tensor:
    if weight.ndim == 1:
        return 0.02 * weight + (1.0 if name.endswith("weight") else 0.0)
    if name.endswith(("token_embedding.weight", "positional_embedding")):
        return 0.18 * weight
    gain = 1.6 if ".query" in name or ".key" in name else 1.0
    return weight * float(gain / weight[0].numel() ** 0.5)
