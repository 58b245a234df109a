"""Low-rank adapters on openai-whisper's layers, stored as PEFT stores them.

Names in the file are those of Hugging Face's Whisper, so that PEFT and our own loader read it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn.utils import parametrize
from whisper.model import Whisper

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
PREFIX = "base_model.model.model."

OPENAI_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "q_proj": "query",
        "k_proj": "key",
        "v_proj": "value",
        "out_proj": "out",
        "fc1": "mlp.0",
        "fc2": "mlp.2",
    }
)
RENAMES = (
    (r"\.blocks\.", ".layers."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.attn\.", ".self_attn."),
    (r"\.query$", ".q_proj"),
    (r"\.key$", ".k_proj"),
    (r"\.value$", ".v_proj"),
    (r"\.out$", ".out_proj"),
    (r"\.mlp\.0$", ".fc1"),
    (r"\.mlp\.2$", ".fc2"),
)


@dataclass(frozen=True, slots=True)
class LoraOptions:
    """Rank, scale (`alpha` / `rank`), and which layers, by their Hugging Face names."""

    rank: int = 16
    alpha: int = 32
    targets: tuple[str, ...] = tuple(OPENAI_MODULES)

    def __post_init__(self) -> None:
        unknown = [name for name in self.targets if name not in OPENAI_MODULES]
        if unknown or not self.targets:
            raise ValueError(f"targets are some of {', '.join(OPENAI_MODULES)}, got {self.targets}")
        if self.rank < 1 or self.alpha < 1:
            raise ValueError(f"rank and alpha must be 1 or more, got {self.rank}, {self.alpha}")


class LowRank(nn.Module):
    """What is added to one weight: `up` (out, rank) times `down` (rank, in), scaled."""

    def __init__(self, weight: Tensor, options: LoraOptions) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(weight.new_empty(options.rank, columns))
        self.up = nn.Parameter(weight.new_zeros(rows, options.rank))
        self.scale = options.alpha / options.rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.up @ self.down)


def attach(model: Whisper, options: LoraOptions) -> list[nn.Parameter]:
    """Freeze `model` and put an adapter on every targeted layer; returns what can be trained."""
    for weight in model.parameters():
        weight.requires_grad_(False)
    trained: list[nn.Parameter] = []
    for _, layer in list(_targets(model, options)):
        added = LowRank(layer.weight, options)
        parametrize.register_parametrization(layer, "weight", added)
        trained += [added.down, added.up]
    return trained


def huggingface_name(module: str) -> str:
    """The Hugging Face name of one of openai-whisper's layers."""
    for pattern, replacement in RENAMES:
        module = re.sub(pattern, replacement, module)
    return module


def save_adapter(model: Whisper, options: LoraOptions, base: str, folder: Path) -> None:
    """The adapters of `model` in PEFT's format."""
    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, Tensor] = {}
    for name, layer in _targets(model, options):
        added = _adapter(layer)
        where = PREFIX + huggingface_name(name)
        weights[f"{where}.lora_A.weight"] = added.down.detach().cpu().contiguous()
        weights[f"{where}.lora_B.weight"] = added.up.detach().cpu().contiguous()
    stored = save(weights, metadata={"format": "pt"})
    (folder / WEIGHTS_FILE).write_bytes(stored)  # save_file would hide it from other users
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": options.rank,
        "lora_alpha": options.alpha,
        "lora_dropout": 0.0,
        "target_modules": list(options.targets),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "task_type": None,
    }
    text = json.dumps(config, indent=2) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


@torch.no_grad()
def snapshot(model: Whisper, options: LoraOptions) -> dict[str, tuple[Tensor, Tensor]]:
    """A copy of every adapter's weights."""
    return {
        name: (_adapter(layer).down.clone(), _adapter(layer).up.clone())
        for name, layer in _targets(model, options)
    }


@torch.no_grad()
def put_back(
    model: Whisper, options: LoraOptions, kept: Mapping[str, tuple[Tensor, Tensor]]
) -> None:
    """Give every adapter the weights of a `snapshot`."""
    for name, layer in _targets(model, options):
        adapter = _adapter(layer)
        adapter.down.copy_(kept[name][0])
        adapter.up.copy_(kept[name][1])


def _adapter(layer: nn.Linear) -> LowRank:
    (added,) = layer.parametrizations.weight  # type: ignore[union-attr, misc]  # set by register_parametrization
    assert isinstance(added, LowRank)
    return added


def _targets(model: Whisper, options: LoraOptions) -> Iterator[tuple[str, nn.Linear]]:
    endings = tuple("." + OPENAI_MODULES[name] for name in options.targets)
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and name.endswith(endings):
            yield name, layer
