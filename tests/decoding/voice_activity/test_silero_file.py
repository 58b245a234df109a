"""The weights in an ONNX file; that they are the right ones is seen in test_voice_activity.py."""

from __future__ import annotations

import numpy as np

from decoding.voice_activity.silero_file import model_file, read_weights


def field(number, kind, value):
    return bytes([number << 3 | kind]) + value


def counted(number, value):
    """A field of up to 16,383 bytes; its length may take two."""
    length = len(value)
    size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return field(number, 2, size + value)


def tensor(name, values):
    shape = field(1, 0, bytes([len(values)])) if len(values) < 128 else b""
    raw = np.asarray(values, "<f4").tobytes()
    return counted(5, shape + field(2, 0, b"\x01") + counted(8, name.encode()) + counted(9, raw))


def test_initializers_among_other_fields(tmp_path):
    node = counted(1, counted(4, b"Conv"))
    graph = node + tensor("small", [1.5, -2.0]) + tensor("large", np.arange(500.0))
    others = field(1, 0, b"\xac\x02") + field(3, 1, bytes(8)) + field(4, 5, bytes(4))
    (tmp_path / "toy.onnx").write_bytes(others + counted(7, graph) + counted(2, b"someone"))
    weights = read_weights(tmp_path / "toy.onnx")
    assert list(weights) == ["small", "large"]
    assert weights["small"].tolist() == [1.5, -2.0]
    assert np.array_equal(weights["large"], np.arange(500, dtype=np.float32))


def test_silero_has_as_many_weights_as_its_layers_need():
    weights = read_weights(model_file())
    assert weights["onnx::LSTM_209"].size == 4 * 128 * 128
    assert sum(values.size for values in weights.values()) == 309_633
