"""Hugging Face directories and PEFT adapters, brought to openai-whisper's names.

Reads safetensors alone: older pickled weights are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from decoding.errors import ModelNotFound, ModelUnreadable
from decoding.loading.checkpoint import Checkpoint, checked, read_dimensions, read_heads, read_table

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

# Theirs -> openai-whisper's, applied in order to every weight's name.
RENAMES = (
    (r"^model\.", ""),
    (r"^proj_out\.", "decoder.token_embedding."),
    (r"\.layers\.(\d+)\.", r".blocks.\1."),
    (r"\.self_attn_layer_norm\.", ".attn_ln."),
    (r"\.encoder_attn_layer_norm\.", ".cross_attn_ln."),
    (r"\.final_layer_norm\.", ".mlp_ln."),
    (r"\.self_attn\.", ".attn."),
    (r"\.encoder_attn\.", ".cross_attn."),
    (r"\.q_proj\b", ".query"),
    (r"\.k_proj\b", ".key"),
    (r"\.v_proj\b", ".value"),
    (r"\.out_proj\b", ".out"),
    (r"\.fc1\b", ".mlp.0"),
    (r"\.fc2\b", ".mlp.2"),
    (r"^encoder\.layer_norm\.", "encoder.ln_post."),
    (r"^decoder\.layer_norm\.", "decoder.ln."),
    (r"\.embed_tokens\.", ".token_embedding."),
    (r"\.embed_positions\.weight$", ".positional_embedding"),
)
DIMENSION_NAMES = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}


def openai_name(name: str) -> str:
    """The openai-whisper name of a Hugging Face weight."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def holds_safetensors(folder: Path) -> bool:
    """Whether the directory has weights that `read_directory` reads."""
    return (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()


def read_directory(folder: Path) -> Checkpoint:
    """A model directory: config.json and safetensors, in one file or several."""
    config = read_table(folder / "config.json")
    missing = [theirs for theirs in DIMENSION_NAMES.values() if theirs not in config]
    if missing:
        raise ModelUnreadable(
            f"{folder.name}/config.json is not a Whisper model's: no {missing[0]}"
        )
    dims = read_dimensions(
        {ours: config[theirs] for ours, theirs in DIMENSION_NAMES.items()}, folder.name
    )
    state = {openai_name(name): tensor for name, tensor in _weights(folder).items()}
    generation = folder / "generation_config.json"
    heads = read_table(generation).get("alignment_heads") if generation.is_file() else None
    return checked(Checkpoint(dims, state, read_heads(heads, dims, folder.name)), folder.name)


def _weights(folder: Path) -> dict[str, Tensor]:
    if (folder / WEIGHTS).is_file():
        return _load(folder / WEIGHTS)
    table = read_table(folder / INDEX).get("weight_map")
    if not isinstance(table, Mapping):
        raise ModelUnreadable(f"{folder.name}/{INDEX} has no weight_map")
    state: dict[str, Tensor] = {}
    for part in sorted(set(table.values())):
        if not isinstance(part, str) or Path(part).name != part:
            raise ModelUnreadable(f"{folder.name}/{INDEX} names a file outside its directory")
        state |= _load(folder / part)
    return state


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelUnreadable(f"{path.name} cannot be read as safetensors") from error


def merge_adapter(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    """The checkpoint with a PEFT LoRA adapter's products added to its weights."""
    if not (folder / ADAPTER_CONFIG).is_file():
        raise ModelNotFound(f"there is no adapter in {folder}: it needs an {ADAPTER_CONFIG}")
    config = read_table(folder / ADAPTER_CONFIG)
    _check_adapter(config, folder.name)
    factors = {_adapter_name(name): one for name, one in _load(folder / ADAPTER_WEIGHTS).items()}
    state = dict(checkpoint.state)
    for name, down in factors.items():
        if not name.endswith(".lora_A"):
            continue
        base = openai_name(name.removesuffix(".lora_A")) + ".weight"
        up = factors.get(name.removesuffix("A") + "B")
        state[base] = _merged(state.get(base), down, up, _scale(config, name, down), base)
    if not any(name.endswith(".lora_A") for name in factors):
        raise ModelUnreadable(f"the adapter {folder.name} holds no LoRA weights")
    return replace(checkpoint, state=state)


def _check_adapter(config: Mapping[str, Any], name: str) -> None:
    if config.get("peft_type") != "LORA":
        raise ModelUnreadable(f"the adapter {name} is {config.get('peft_type')}; only LoRA is read")
    unread = [key for key in ("use_dora", "modules_to_save", "lora_bias") if config.get(key)]
    if unread or config.get("bias", "none") != "none":
        raise ModelUnreadable(
            f"the adapter {name} uses {(unread or ['bias'])[0]}, which is not read"
        )


def _adapter_name(name: str) -> str:
    """`base_model.model.model.decoder….q_proj.lora_A.weight` -> `model.decoder….q_proj.lora_A`."""
    name = name.removeprefix("base_model.model.")
    return re.sub(r"\.(lora_[AB])(\.default)?\.weight$", r".\1", name)


def _scale(config: Mapping[str, Any], name: str, down: Tensor) -> float:
    module = name.removesuffix(".lora_A")
    rank = _pattern(config.get("rank_pattern"), module, len(down))
    alpha = _pattern(config.get("alpha_pattern"), module, config.get("lora_alpha", rank))
    divisor = float(rank) ** 0.5 if config.get("use_rslora") else float(rank)
    return float(alpha) / divisor


def _pattern(table: Any, module: str, default: Any) -> Any:
    for pattern, value in (table or {}).items():
        try:
            is_meant = re.search(rf"(^|\.)(?:{pattern})$", module)
        except re.error as error:
            raise ModelUnreadable(f"the adapter's pattern {pattern!r} is no pattern") from error
        if is_meant:
            return value
    return default


def _merged(
    weight: Tensor | None, down: Tensor, up: Tensor | None, scale: float, name: str
) -> Tensor:
    if weight is None or up is None:
        raise ModelUnreadable(f"the adapter changes {name}, which this model does not have")
    if (len(up), down.shape[1]) != tuple(weight.shape) or up.shape[1] != len(down):
        raise ModelUnreadable(f"the adapter's {name} does not fit this model")
    with torch.no_grad():
        return weight.float() + scale * (up.float() @ down.float())
