"""Silero's voice activity network in NumPy, for processes that do without PyTorch.

A third of what onnxruntime takes for it: the spectrum is a Fourier transform, not a convolution,
and a convolution over four columns one product of matrices for many frames.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from decoding.voice_activity.silero_file import (
    CONTEXT_SAMPLES,
    CONVOLUTION_STEPS,
    FRAME_SAMPLES,
    GATES,
    KERNEL,
    MIRRORED_SAMPLES,
    SPECTRUM_SAMPLES,
    SPECTRUM_STEP,
    WIDTH,
    model_file,
    read_weights,
)

FRAMES_PER_BLOCK = 128  # what is known of so many stays in the processor's cache

Floats = NDArray[np.float32]


class SileroNumpy:
    """Samples -> the probability of speech in each of their frames. Keeps nothing between calls."""

    def __init__(self) -> None:
        weights = read_weights(model_file())
        self._convolutions = tuple(
            _Convolution(weights[f"encoder.{at}.weight"], weights[f"encoder.{at}.bias"], step)
            for at, step in enumerate(CONVOLUTION_STEPS)
        )
        self._recurrence = _Recurrence(*(weights[f"onnx::LSTM_{at}"] for at in (209, 210, 211)))
        self._out, self._out_bias = weights["output.weight"], weights["output.bias"]
        _keep_to_one_thread()

    def __call__(self, samples: Floats) -> Floats:
        """Samples at 16 kHz, 1.0 full scale, shape (n,) -> shape (ceil(n / 512),), from rest."""
        count = -(-len(samples) // FRAME_SAMPLES)
        if count == 0:
            return np.zeros(0, np.float32)
        padded = np.zeros(CONTEXT_SAMPLES + count * FRAME_SAMPLES, np.float32)
        padded[CONTEXT_SAMPLES : CONTEXT_SAMPLES + len(samples)] = samples
        width = CONTEXT_SAMPLES + FRAME_SAMPLES
        frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::FRAME_SAMPLES]
        blocks = range(0, count, FRAMES_PER_BLOCK)
        gates = [self._gates(frames[first : first + FRAMES_PER_BLOCK]) for first in blocks]
        heard = np.maximum(self._recurrence.states(np.concatenate(gates)), 0)
        return _sigmoid(heard @ self._out + self._out_bias)

    def _gates(self, frames: Floats) -> Floats:
        """What each frame brings to the recurrence, shape (frames, 4 * 128)."""
        columns = _spectrum(frames)
        for convolution in self._convolutions:
            columns = convolution(columns)
        return self._recurrence.gates(columns[:, 0])


@functools.cache
def silero_network() -> SileroNumpy:
    """The one network of this process, for all threads."""
    return SileroNumpy()


class _Convolution:
    """Over the columns of a frame, with a column of zeros on either side, and cut off below 0."""

    def __init__(self, weight: Floats, bias: Floats, step: int) -> None:
        by_column = weight.reshape(len(bias), -1, KERNEL).transpose(2, 1, 0)
        self._weight = np.ascontiguousarray(by_column).reshape(-1, len(bias))
        self._bias = bias
        self._step = step

    def __call__(self, columns: Floats) -> Floats:
        """Shape (frames, columns, channels) to (frames, ceil(columns / step), channels)."""
        frames, count, channels = columns.shape
        padded = np.zeros((frames, count + KERNEL - 1, channels), np.float32)
        padded[:, 1:-1] = columns
        around = np.lib.stride_tricks.sliding_window_view(padded, KERNEL, axis=1)[:, :: self._step]
        rows = around.transpose(0, 1, 3, 2).reshape(-1, KERNEL * channels)
        found = rows @ self._weight
        found += self._bias
        np.maximum(found, 0, out=found)
        return found.reshape(frames, -1, len(self._bias))


class _Recurrence:
    """Long short-term memory, in as few operations a frame as there may be: each costs more than
    its arithmetic. Gates are kept negated and that of the cell doubled, so that one exponential
    serves all four, and cell and state are halved: tanh(x) / 2 is 1 / (1 + exp(-2x)) - 1/2.
    """

    def __init__(self, of_input: Floats, of_state: Floats, biases: Floats) -> None:
        signs = [-2 if gate == "cell" else -1 for gate in GATES]
        scale = np.repeat(np.array(signs, np.float32), WIDTH)
        self._of_input = np.ascontiguousarray(of_input.reshape(-1, WIDTH).T * scale)
        self._of_half_state = np.ascontiguousarray(of_state.reshape(-1, WIDTH).T * (2 * scale))
        self._bias = biases.reshape(2, -1).sum(axis=0) * scale

    def gates(self, inputs: Floats) -> Floats:
        """What inputs of shape (n, 128) bring to the gates, shape (n, 4 * 128)."""
        brought: Floats = inputs @ self._of_input + self._bias
        return brought

    def states(self, brought: Floats) -> Floats:
        """The states, shape (n, 128), that follow from rest on what `gates` gave."""
        halves = np.empty((len(brought), WIDTH), np.float32)
        half, half_cell = np.zeros((2, WIDTH), np.float32)
        gates, shown = np.empty(len(GATES) * WIDTH, np.float32), np.empty(WIDTH, np.float32)
        enter, leave, keep, news = gates.reshape(len(GATES), WIDTH)
        with np.errstate(over="ignore"):  # 1 / (1 + infinity) is 0, as it should be
            for of_frame, following in zip(brought, halves, strict=True):
                np.dot(half, self._of_half_state, out=gates)
                gates += of_frame
                _open(gates)
                news -= 0.5
                half_cell *= keep
                enter *= news
                half_cell += enter
                np.multiply(half_cell, -4, out=shown)
                _open(shown)
                shown -= 0.5
                half = np.multiply(leave, shown, out=following)
        return 2 * halves


def _spectrum(frames: Floats) -> Floats:
    """Magnitudes, shape (frames, 4, 129): the end of each frame is mirrored."""
    mirrored = frames[:, -2 : -2 - MIRRORED_SAMPLES : -1]
    sound = np.concatenate((frames, mirrored), axis=1)
    parts = np.lib.stride_tricks.sliding_window_view(sound, SPECTRUM_SAMPLES, axis=1)
    spectra = np.fft.rfft(parts[:, ::SPECTRUM_STEP] * _taper(), axis=2)
    return np.abs(spectra).astype(np.float32, copy=False)


@functools.cache
def _taper() -> Floats:
    return np.hanning(SPECTRUM_SAMPLES + 1)[:-1].astype(np.float32)


def _open(gates: Floats) -> None:
    """Negated gates become their sigmoid, in place."""
    np.exp(gates, out=gates)
    gates += 1
    np.reciprocal(gates, out=gates)


def _sigmoid(values: Floats) -> Floats:
    found: Floats = np.reciprocal(1 + np.exp(-values), dtype=np.float32)
    return found


def _keep_to_one_thread() -> None:
    """NumPy's products are too small to be shared: OpenBLAS would wake threads that only wait."""
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
