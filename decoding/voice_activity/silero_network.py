"""Silero's voice activity network on the device, several clips at a time.

Its figures are those of `silero_numpy` up to rounding. Decides nothing: whoever asks makes spans of
the probabilities. Where a device cannot do it, the CPU does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from decoding.device.transfer import to_device
from decoding.types import FULL_SCALE, Decoded
from decoding.voice_activity.silero_file import (
    BANDS,
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

logger = logging.getLogger(__name__)

FRAME_AND_CONTEXT = CONTEXT_SAMPLES + FRAME_SAMPLES
TORCH_GATES = [GATES.index(name) for name in ("input", "forget", "cell", "output")]
FRAMES_AT_ONCE = 4096  # in the convolutions: some 80 MB

Samples = NDArray[np.int16] | NDArray[np.float32]


class VoiceActivity:
    """Clips -> the probability of speech in each of their frames of 512 samples at 16 kHz.

    `device`: where it runs, which is the CPU once another device could not do it. `dtype`: single
    precision, whose last bits may depend on the company; in float64 nothing is left of that.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.device = device
        self._dtype = dtype
        self._weights = read_weights(model_file())
        self._network: _Network | None = None

    @torch.inference_mode()
    def __call__(self, clips: Sequence[Samples]) -> list[NDArray[np.float32]]:
        """Shapes (ceil(n / 512),). Each clip starts from rest and knows nothing of the others."""
        try:
            return self._judge(clips)
        except torch.OutOfMemoryError:
            raise  # the engine makes room
        except RuntimeError as error:
            if self.device.type == "cpu":
                raise
            logger.warning("voice activity stays on the CPU: %s: %s", self.device, error)
            self.device, self._network = torch.device("cpu"), None
            return self._judge(clips)

    def _judge(self, clips: Sequence[Samples]) -> list[NDArray[np.float32]]:
        if self._network is None:
            with torch.inference_mode(mode=False):  # CUDA lays the recurrent weights out anew
                self._network = _Network(self._weights, self.device, self._dtype)
        return self._network.judge(clips)


def only_speech(probabilities: NDArray[np.float32]) -> Decoded:
    """The answer to the task `voice_activity`."""
    return Decoded.without_text(speech_probabilities=tuple(probabilities.tolist()))


class _Network:
    """Spectrum, four convolutions, a recurrent layer over time, one probability."""

    def __init__(
        self, weights: Mapping[str, NDArray[np.float32]], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._device, self._dtype = device, dtype

        def there(name: str, *shape: int) -> Tensor:
            return torch.from_numpy(weights[name]).to(device, dtype).reshape(shape)

        self._spectrum = there("stft.forward_basis_buffer", 2 * BANDS, SPECTRUM_SAMPLES).T
        biases = [there(f"encoder.{at}.bias", -1) for at in range(len(CONVOLUTION_STEPS))]
        self._convolutions = [
            (there(f"encoder.{at}.weight", len(bias), -1).T, bias, step)
            for at, (bias, step) in enumerate(zip(biases, CONVOLUTION_STEPS, strict=True))
        ]
        recurrent = {
            "weight_ih_l0": there("onnx::LSTM_209", 4, WIDTH, WIDTH),
            "weight_hh_l0": there("onnx::LSTM_210", 4, WIDTH, WIDTH),
        }
        of_both = there("onnx::LSTM_211", 2, 4, WIDTH)
        recurrent |= {"bias_ih_l0": of_both[0], "bias_hh_l0": of_both[1]}
        recurrence = nn.LSTM(WIDTH, WIDTH, batch_first=True, device=device, dtype=dtype)
        self._recurrent = recurrence.eval()
        self._recurrent.load_state_dict(
            {name: weight[TORCH_GATES].flatten(0, 1) for name, weight in recurrent.items()}
        )
        self._out = there("output.weight", WIDTH)
        self._out_bias = there("output.bias", 1)

    def judge(self, clips: Sequence[Samples]) -> list[NDArray[np.float32]]:
        counts = [-(-len(clip) // FRAME_SAMPLES) for clip in clips]
        longest = max(counts, default=0)
        if longest == 0:
            return [np.zeros(0, np.float32) for _ in clips]
        samples = to_device(_padded(clips, longest), self._device).to(self._dtype)
        frames = samples.unfold(1, FRAME_AND_CONTEXT, FRAME_SAMPLES)
        at_once = max(FRAMES_AT_ONCE // len(clips), 1)
        blocks = [self._features(block) for block in torch.split(frames, at_once, dim=1)]
        features = torch.cat(blocks, dim=1)
        with _single_precision():
            hidden, _ = self._recurrent(features)
        found = torch.sigmoid(hidden.relu() @ self._out + self._out_bias).cpu().numpy()
        return [row[:count] for row, count in zip(found, counts, strict=True)]

    def _features(self, frames: Tensor) -> Tensor:
        """Frames with their context [w, t, 576] -> what is in each of them [w, t, 128].

        The convolutions are products of matrices, which CUDA does not round to ten bits.
        """
        width, count, _ = frames.shape
        sound = nn.functional.pad(frames.flatten(0, 1), (0, MIRRORED_SAMPLES), mode="reflect")
        parts = sound.unfold(1, SPECTRUM_SAMPLES, SPECTRUM_STEP) @ self._spectrum
        real, imaginary = parts[..., :BANDS], parts[..., BANDS:]
        columns = torch.sqrt(real.square() + imaginary.square())  # [w * t, columns, bands]
        for weight, bias, step in self._convolutions:
            padded = nn.functional.pad(columns.transpose(1, 2), (1, 1))
            around = padded.unfold(2, KERNEL, step).transpose(1, 2).flatten(2)
            columns = torch.relu(around @ weight + bias)
        return columns.reshape(width, count, WIDTH)


def _padded(clips: Sequence[Samples], frames: int) -> Tensor:
    """Silence before the first frame and after the last: [w, 64 + frames * 512], float32."""
    batch = np.zeros((len(clips), CONTEXT_SAMPLES + frames * FRAME_SAMPLES), np.float32)
    for row, clip in zip(batch, clips, strict=True):
        row[CONTEXT_SAMPLES : CONTEXT_SAMPLES + len(clip)] = clip
        if clip.dtype == np.int16:
            row /= FULL_SCALE
    return torch.from_numpy(batch)


@contextmanager
def _single_precision() -> Iterator[None]:
    """CUDA's recurrent layer rounds to ten bits unless it is told not to."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
