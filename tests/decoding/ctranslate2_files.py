"""Writes CTranslate2's container, from its description and by none of its code or ours."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from decoding.loading.checkpoint import Checkpoint

NUMBERS = {
    torch.float32: 0, torch.int8: 1, torch.int16: 2, torch.int32: 3,
    torch.float16: 4, torch.bfloat16: 5,
}  # fmt: skip
ALIASES = {"decoder/projection/weight": "decoder/embeddings/weight"}


def text(value: str) -> bytes:
    content = value.encode() + b"\0"
    return struct.pack("<H", len(content)) + content


def variable(name: str, value: Tensor) -> bytes:
    content = value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    shape = struct.pack(f"<B{value.dim()}I", value.dim(), *value.shape)
    return text(name) + shape + struct.pack("<BI", NUMBERS[value.dtype], len(content)) + content


def container(
    variables: Mapping[str, Tensor],
    aliases: Mapping[str, str] = ALIASES,
    *,
    version: int = 6,
    spec: str = "WhisperSpec",
    revision: int = 3,
) -> bytes:
    """The bytes of a model.bin."""
    header = struct.pack("<I", version) + text(spec) + struct.pack("<II", revision, len(variables))
    body = b"".join(variable(*item) for item in sorted(variables.items()))
    names = b"".join(text(alias) + text(target) for alias, target in sorted(aliases.items()))
    return header + body + struct.pack("<I", len(aliases)) + names


def write(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model.bin").write_bytes(content)
    return folder


def variables_of(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The weights as CTranslate2 names and merges them, and the numbers of heads."""
    state, dims = checkpoint.state, checkpoint.dimensions
    found = {
        "encoder/num_heads": torch.tensor(dims.n_audio_head, dtype=torch.int16),
        "decoder/num_heads": torch.tensor(dims.n_text_head, dtype=torch.int16),
        "decoder/pre_norm": torch.tensor(1, dtype=torch.int8),
        "encoder/position_encodings/encodings": state["encoder.positional_embedding"],
        "decoder/position_encodings/encodings": state["decoder.positional_embedding"],
        "decoder/embeddings/weight": state["decoder.token_embedding.weight"],
    }
    for name in ("conv1", "conv2"):
        found |= linear(f"encoder/{name}", state, f"encoder.{name}")
    found |= norm("encoder/layer_norm", state, "encoder.ln_post")
    found |= norm("decoder/layer_norm", state, "decoder.ln")
    for side, layers in (("encoder", dims.n_audio_layer), ("decoder", dims.n_text_layer)):
        for index in range(layers):
            theirs, ours = f"{side}/layer_{index}", f"{side}.blocks.{index}"
            found |= layer(theirs, state, ours, has_cross_attention=side == "decoder")
    return {name: value.clone() for name, value in found.items()}


def layer(
    theirs: str, state: Mapping[str, Tensor], ours: str, *, has_cross_attention: bool
) -> dict[str, Tensor]:
    merged = ("query", "key", "value")
    found = merged_linear(f"{theirs}/self_attention/linear_0", state, f"{ours}.attn", merged)
    found |= linear(f"{theirs}/self_attention/linear_1", state, f"{ours}.attn.out")
    found |= norm(f"{theirs}/self_attention/layer_norm", state, f"{ours}.attn_ln")
    found |= linear(f"{theirs}/ffn/linear_0", state, f"{ours}.mlp.0")
    found |= linear(f"{theirs}/ffn/linear_1", state, f"{ours}.mlp.2")
    found |= norm(f"{theirs}/ffn/layer_norm", state, f"{ours}.mlp_ln")
    if has_cross_attention:
        cross = f"{ours}.cross_attn"
        found |= linear(f"{theirs}/attention/linear_0", state, f"{cross}.query")
        found |= merged_linear(f"{theirs}/attention/linear_1", state, cross, merged[1:])
        found |= linear(f"{theirs}/attention/linear_2", state, f"{cross}.out")
        found |= norm(f"{theirs}/attention/layer_norm", state, f"{ours}.cross_attn_ln")
    return found


def linear(theirs: str, state: Mapping[str, Tensor], ours: str) -> dict[str, Tensor]:
    return {f"{theirs}/{part}": state[f"{ours}.{part}"] for part in ("weight", "bias")}


def norm(theirs: str, state: Mapping[str, Tensor], ours: str) -> dict[str, Tensor]:
    return {f"{theirs}/gamma": state[f"{ours}.weight"], f"{theirs}/beta": state[f"{ours}.bias"]}


def merged_linear(
    theirs: str, state: Mapping[str, Tensor], ours: str, layers: tuple[str, ...]
) -> dict[str, Tensor]:
    weights = [state[f"{ours}.{name}.weight"] for name in layers]
    none = torch.zeros(len(weights[0]), dtype=state[f"{ours}.value.bias"].dtype)
    biases = [state.get(f"{ours}.{name}.bias", none) for name in layers]
    return {f"{theirs}/weight": torch.cat(weights), f"{theirs}/bias": torch.cat(biases)}


def floats(variables: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """All weights in another floating type; settings stay whole numbers."""
    return {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in variables.items()
    }


def quantised(variables: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Matrices as int8 with a scale for each row, or as int16 with one scale; the rest as it is."""
    found = dict(variables)
    for name in (name for name in variables if name.endswith("/weight")):
        value = variables[name].float()
        rows = value.reshape(len(value), -1)
        if dtype == torch.int8:
            scale = 127.0 / rows.abs().amax(1)
            whole = (rows * scale[:, None]).round()
        else:
            scale = 1024.0 / rows.abs().max()
            whole = (rows * scale).round()
        found[name] = whole.to(dtype).reshape(value.shape)
        found[f"{name}_scale"] = scale
    return found
