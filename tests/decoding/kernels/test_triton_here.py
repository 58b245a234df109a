"""Which tensors are work for Triton, and whether our kernels in it compile for cards."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from decoding.engine.prefill import Prefiller
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import WindowRequest
from decoding.kernels import add_norm, logsumexp, step_attention, triton_here
from decoding.loading.loader import load_model
from decoding.search import logit_rules
from decoding.search.state import Plan, SearchState
from decoding.types import DecodingOptions
from tests.decoding.kernels.interpreted import needs_triton
from tests.decoding.noise import noise
from tests.decoding.small_models import random_model, save

STEPS = 3
COMPILING = Path(__file__).with_name("compiling_for_cards.py")


@pytest.mark.parametrize(
    ("is_cuda", "dtype", "stride", "is_there", "is_taken"),
    [
        (True, torch.float16, 1, True, True),
        (True, torch.bfloat16, 1, True, True),
        (True, torch.float32, 1, True, False),
        (False, torch.float16, 1, True, False),
        (True, torch.float16, 2, True, False),
        (True, torch.float16, 1, False, False),
    ],
)
def test_half_precision_on_cuda_is_for_triton(
    monkeypatch, is_cuda, dtype, stride, is_there, is_taken
):
    monkeypatch.setattr(triton_here, "has_triton", lambda: is_there)
    tensor = SimpleNamespace(is_cuda=is_cuda, dtype=dtype, stride=lambda _: stride)
    assert triton_here.is_for_triton(tensor) == is_taken


@needs_triton
def test_every_kernel_compiles_for_cards():
    """The interpreter takes what the compiler refuses: annotations that are none of Triton's."""
    told = subprocess.run(
        [sys.executable, str(COMPILING)],
        env={name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    kernels = Path(triton_here.__file__).parent.glob("*_triton.py")
    compiled = told.stdout.splitlines()
    for kernel in kernels:
        assert any(line.startswith(kernel.stem) for line in compiled), kernel.stem


@needs_triton
@pytest.mark.slow
def test_steps_with_all_kernels_are_plain_steps(interpreted, small_in_half, monkeypatch):
    """Of windows whose prompts differ in length, interpreted."""
    from decoding.kernels.logsumexp_triton import block_maxima_and_logsumexp_once

    plain = searches(small_in_half)
    with monkeypatch.context() as kernels:
        for module in (step_attention, add_norm):
            kernels.setattr(module, "is_for_triton", lambda _tensor: True)
        kernels.setattr(step_attention, "supports_unmasked", lambda _query: True)
        scan = partial(block_maxima_and_logsumexp_once, turns=logsumexp.BLOCK)
        kernels.setattr(logit_rules, "block_maxima_and_logsumexp", scan)
        found = searches(small_in_half)
    assert torch.equal(found.tokens, plain.tokens)
    torch.testing.assert_close(found.total, plain.total, atol=2e-2, rtol=1e-2)


@pytest.fixture
def small_in_half(tmp_path):
    return load_model(str(save(random_model(3), tmp_path / "small.pt")), precision="fp16")


def searches(model) -> SearchState:
    """Of four windows after some steps."""
    slot_group, prefiller = SlotGroup(model, 5, 4), Prefiller(model, 4)
    prompts = (None, "the harbour", None, "seven people at the station")
    requests = [
        WindowRequest(noise(at, 2), DecodingOptions(language="en", prompt=prompt))
        for at, prompt in enumerate(prompts)
    ]
    places = [slot_group.reserve() for _ in requests]
    plan = Plan(5, 5, 20, 0.0, has_timestamps=True)
    with torch.inference_mode():
        prefiller.prompt(prefiller.encode(requests, slot_group, places))
        slot_group.enter([(one.take_prefilled(), plan) for one in requests])
        for _ in range(STEPS):
            slot_group.step()
    return slot_group.memory.search
