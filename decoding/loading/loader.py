"""Load a model: by official name, from a checkpoint file, or from a directory.

Official names are downloaded and verified by openai-whisper. "demo" is no name here, its path is.
"""

from __future__ import annotations

import base64
import gzip
import math
import os
from pathlib import Path

import numpy as np
import torch
import whisper

from decoding.errors import ModelNotFound, ModelUnavailable, ModelUnreadable
from decoding.loading.checkpoint import Checkpoint, default_heads, read_openai
from decoding.loading.ctranslate2 import CONTAINER, read_ctranslate2
from decoding.loading.huggingface import WEIGHTS, holds_safetensors, merge_adapter, read_directory
from decoding.loading.precision import resolve
from decoding.model.audio_encoder import AudioEncoder
from decoding.model.dimensions import Dimensions, Head
from decoding.model.layers import Placement
from decoding.model.loaded_model import LoadedModel
from decoding.model.text_decoder import TextDecoder
from decoding.model.vocabulary import Vocabulary
from decoding.types import ModelCard


def load_model(
    name_or_path: str,
    *,
    device: str = "cpu",
    precision: str = "auto",
    adapter: Path | None = None,
    download_root: Path | None = None,
    cuda_graphs: bool = True,
) -> LoadedModel:
    """A model ready to decode on `device`.

    `name_or_path`: an official name (`tiny` … `turbo`), a `.pt` file, or a directory in the format
    of Hugging Face (safetensors) or of CTranslate2, as faster-whisper has them (`model.bin`).
    `precision`: fp32, bf16, fp16, on the CPU int8, or auto (decoding/loading/precision.py).
    `adapter`: a PEFT LoRA directory, merged when loaded. `cuda_graphs`: steps may be recorded and
    replayed where there is CUDA.
    Raises `ModelNotFound` or `ModelUnreadable` with one sentence for the user.
    """
    checkpoint = read_checkpoint(name_or_path, download_root)
    if adapter is not None:
        checkpoint = merge_adapter(checkpoint, adapter)
    chosen = resolve(precision, device, _num_parameters(checkpoint))
    placement = Placement(torch.device(device), chosen)
    _check_numbers(checkpoint, Path(name_or_path).name, placement)
    dims, state = checkpoint.dimensions, checkpoint.state
    if dims.num_languages < 0:
        raise ModelUnreadable(
            f"{Path(name_or_path).name} knows {dims.n_vocab} tokens, fewer than Whisper's "
            "tokenizer has: take a model that kept Whisper's vocabulary"
        )
    return LoadedModel(
        _card(name_or_path, checkpoint, placement),
        dims,
        AudioEncoder(state, dims, placement),
        TextDecoder(state, dims, placement),
        checkpoint.alignment_heads or default_heads(dims),
        placement.device,
        cuda_graphs,
        chosen.is_quantised,
    )


def _check_numbers(checkpoint: Checkpoint, name: str, placement: Placement) -> None:
    """Raise `ModelUnreadable` unless every weight is a number that the precision can hold."""
    precision = placement.precision
    largest = torch.finfo(precision.dtype).max
    for key, weight in checkpoint.state.items():
        if not weight.is_floating_point() or not weight.numel():
            continue
        low, high = (float(end) for end in weight.aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ModelUnreadable(
                f"{name} is damaged: its weight {key} holds values that are not finite numbers"
            )
        if max(-low, high) > largest:
            raise ModelUnreadable(
                f"the weight {key} of {name} holds {max(-low, high):.3g}, more than "
                f"{precision.name} can: take bf16 or fp32"
            )


def official_names() -> tuple[str, ...]:
    """Names that are downloaded on first use."""
    return tuple(whisper.available_models())


def official_digest(name: str) -> str:
    """SHA-256 of the checkpoint of an official name, as openai-whisper publishes it."""
    return str(whisper._MODELS[name]).split("/")[-2]


def checkpoint_file(name: str) -> str:
    """What the checkpoint of an official name is called in the model folder."""
    return str(whisper._MODELS[name]).rpartition("/")[2]


def read_checkpoint(name: str, download_root: Path | None = None) -> Checkpoint:
    """The weights of whatever `load_model` takes, under openai-whisper's names.

    Raises `ModelNotFound` or `ModelUnreadable` with one sentence for the user.
    """
    if name in whisper._MODELS:
        path = download(name, download_root)
        checkpoint = read_openai(path)
        heads = _official_heads(whisper._ALIGNMENT_HEADS[name], checkpoint.dimensions)
        return Checkpoint(checkpoint.dimensions, checkpoint.state, heads)
    path = Path(name)
    if path.is_dir():
        return _read_directory(path)
    if path.is_file():
        return read_openai(path)
    names = ", ".join(official_names())
    raise ModelNotFound(f"there is no model {name!r}: give a path or one of {names}")


def _read_directory(folder: Path) -> Checkpoint:
    """Safetensors where a directory holds both kinds: they are the less rounded ones."""
    if holds_safetensors(folder):
        return read_directory(folder)
    if (folder / CONTAINER).is_file():
        return read_ctranslate2(folder)
    raise ModelUnreadable(
        f"{folder.name} holds no {WEIGHTS} (Hugging Face) and no {CONTAINER} (CTranslate2, "
        "faster-whisper): give a directory with one of them, or a .pt file of openai-whisper"
    )


def download(name: str, download_root: Path | None = None) -> Path:
    """The checkpoint of an official name, fetched with a progress bar unless it is here already.

    `download_root`: where checkpoints are kept; ~/.cache/whisper if None. openai-whisper verifies
    the file. Raises `ModelUnavailable` when it cannot be had.
    """
    default = Path(os.path.expanduser("~")) / ".cache" / "whisper"
    root = default if download_root is None else download_root
    try:
        return Path(whisper._download(whisper._MODELS[name], str(root), in_memory=False))
    except (OSError, RuntimeError, TypeError) as error:  # TypeError: a reply without a length
        raise ModelUnavailable(
            f"the model {name!r} could not be downloaded; check the network, or put "
            f"{checkpoint_file(name)} into {root}"
        ) from error


def _official_heads(dump: bytes, dims: Dimensions) -> tuple[Head, ...]:
    """openai-whisper's table of heads: a compressed matrix of booleans."""
    flags = np.frombuffer(gzip.decompress(base64.b85decode(dump)), dtype=bool)
    found = np.argwhere(flags.reshape(dims.n_text_layer, dims.n_text_head))
    return tuple((int(layer), int(head)) for layer, head in found)


def _card(name: str, checkpoint: Checkpoint, placement: Placement) -> ModelCard:
    path = Path(name)
    dims = checkpoint.dimensions
    return ModelCard(
        name=path.stem if path.is_file() else path.name if path.is_dir() else name,
        is_multilingual=dims.is_multilingual,
        languages=Vocabulary(dims).languages,
        parameters=_num_parameters(checkpoint),
        device=str(placement.device),
        precision=placement.precision.name,
    )


def _num_parameters(checkpoint: Checkpoint) -> int:
    state = checkpoint.state
    return sum(one.numel() for key, one in state.items() if key != "decoder.token_index")
