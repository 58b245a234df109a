"""The file of Silero's voice activity model: where it lies, what it takes, its weights.

The `silero-vad` package is not imported: importing it loads torch and sets its threads to one for
the whole process. The weights are read from its newest model, an ONNX file: the package's other
files hold other versions of it, its safetensors file differs in every layer.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet
from numpy.typing import NDArray

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64  # of the frame before
MODEL_FILE = Path("data", "silero_vad_16k_sequence.onnx")

# The network: spectrum, four convolutions, a recurrent layer over time, one probability.
MIRRORED_SAMPLES = 64  # after a frame's end, of the frame itself
SPECTRUM_SAMPLES = 256
SPECTRUM_STEP = 128
BANDS = SPECTRUM_SAMPLES // 2 + 1
KERNEL = 3
CONVOLUTION_STEPS = (1, 2, 2, 1)  # they leave one column of a frame's four
WIDTH = 128
GATES = ("input", "output", "forget", "cell")  # in the order of the file

# Fields of the messages in an ONNX file, which is a protocol buffer. `onnx` would know their names,
# and would be there for this one file.
GRAPH = 7
INITIALIZER = 5
NAME = 8
RAW_VALUES = 9


def model_file() -> Path:
    """Where the model lies."""
    package = importlib.util.find_spec("silero_vad")
    assert package is not None, "silero-vad is a dependency"
    assert package.origin is not None, "silero-vad is a package on disk"
    return Path(package.origin).parent / MODEL_FILE


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every initializer of an ONNX file under its name, flat; all of them float32 there."""
    weights = {}
    for graph in _values(path.read_bytes(), GRAPH):
        for tensor in _values(graph, INITIALIZER):
            (name,) = _values(tensor, NAME)
            (raw,) = _values(tensor, RAW_VALUES)
            weights[name.decode()] = np.frombuffer(raw, "<f4").astype(np.float32)
    return weights


def _values(message: bytes, wanted: int) -> list[bytes]:
    """What the fields of that number hold; others are passed over."""
    fields = UnknownFieldSet(Empty.FromString(message))
    return [one.data for one in fields if one.field_number == wanted]
