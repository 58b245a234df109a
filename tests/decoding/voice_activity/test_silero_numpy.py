"""The network in NumPy against the package that its weights come from."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from decoding.types import FULL_SCALE
from decoding.voice_activity import silero_numpy
from decoding.voice_activity.silero_numpy import silero_network
from tests.decoding.voice_activity.sounds import ROUNDING, SOUNDS

# Runs in a process of its own, where nothing of ours is imported before.
LISTEN = (
    "import sys, numpy\n"
    "from transcription.silero import speech_probabilities\n"
    "speech_probabilities(numpy.zeros(16000, numpy.int16))\n"
)


def judge(samples):
    return silero_network()(samples.astype(np.float32) / np.float32(FULL_SCALE))


@pytest.fixture(scope="module")
def package():
    """The package's own way, with onnxruntime; what it does to torch's threads is undone."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    torch.set_num_threads(threads)
    return load_silero_vad(sequence=True)


@pytest.mark.instructions
@pytest.mark.parametrize("name", SOUNDS)
def test_figures_are_those_of_the_package(package, name):
    theirs = package.audio_forward(SOUNDS[name].astype(np.float32) / np.float32(FULL_SCALE))
    ours = judge(SOUNDS[name])
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 2 * ROUNDING


def test_speech_is_told_from_silence():
    assert np.mean(judge(SOUNDS["speech"]) > 0.5) > 0.5
    assert judge(SOUNDS["silence"]).max() < 0.1


def test_blocks_of_frames_leave_no_seam(monkeypatch):
    whole = judge(SOUNDS["speech"])
    monkeypatch.setattr(silero_numpy, "FRAMES_PER_BLOCK", 7)
    assert np.abs(judge(SOUNDS["speech"]) - whole).max() < 2 * ROUNDING


def test_a_gate_of_any_size_is_open_or_shut():
    gates = np.array([-1e4, -100, 0, 100, 1e4], np.float32)
    with np.errstate(over="ignore"):
        silero_numpy._open(gates)
    assert np.allclose(gates, [1, 1, 0.5, 0, 0])


def test_samples_of_any_size_give_probabilities():
    with np.errstate(all="raise", under="ignore"):
        found = silero_network()(np.full(16_000, 1e6, np.float32))
    assert np.all((found >= 0) & (found <= 1))


def test_no_samples():
    assert judge(np.zeros(0, np.int16)).shape == (0,)


def test_listening_needs_no_other_package():
    program = LISTEN + "assert not {'torch', 'silero_vad', 'onnxruntime'} & set(sys.modules)\n"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_products_wake_no_threads():
    program = LISTEN + (
        "from threadpoolctl import threadpool_info\n"
        "found = [one for one in threadpool_info() if one['internal_api'] == 'openblas']\n"
        "assert all(one['num_threads'] == 1 for one in found), found\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
