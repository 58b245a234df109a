"""The file of Silero's voice activity model: where it lies, what it takes, its weights.

The `silero-vad` package is not imported: importing it loads torch and sets its threads to one for
the whole process. The weights are read from the very model that onnxruntime opens, because the
package's other files hold other versions of it: its safetensors file differs in every layer.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64  # of the frame before
MODEL_FILE = Path("data", "silero_vad_16k_sequence.onnx")

# Fields of the messages in an ONNX file, which is a protocol buffer.
GRAPH = 7
INITIALIZER = 5
NAME = 8
RAW_VALUES = 9
VARINT, EIGHT_BYTES, COUNTED_BYTES, FOUR_BYTES = 0, 1, 2, 5


def model_file() -> Path:
    """Where the model lies."""
    package = importlib.util.find_spec("silero_vad")
    assert package is not None, "silero-vad is a dependency"
    assert package.origin is not None, "silero-vad is a package on disk"
    return Path(package.origin).parent / MODEL_FILE


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every initializer of an ONNX file under its name, flat; all of them float32 there."""
    weights = {}
    for graph in _values(memoryview(path.read_bytes()), GRAPH):
        for tensor in _values(graph, INITIALIZER):
            (name,) = _values(tensor, NAME)
            (raw,) = _values(tensor, RAW_VALUES)
            weights[bytes(name).decode()] = np.frombuffer(raw, "<f4").astype(np.float32)
    return weights


def _values(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """What the fields of that number hold; others are passed over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            _, at = _varint(message, at)
            continue
        if kind == COUNTED_BYTES:
            length, at = _varint(message, at)
        else:
            length = {EIGHT_BYTES: 8, FOUR_BYTES: 4}[kind]
        if tag >> 3 == wanted:
            yield message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number, seven bits in a byte, the lowest first; and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
