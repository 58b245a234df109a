"""What `auto` means, on processors and cards that this machine need not have."""

from __future__ import annotations

import platform

import pytest
import torch

from decoding.loading import precision
from decoding.loading.precision import LEAST_QUANTISED, choose, multiplies_bytes, resolve

BASE, TINY = 74_000_000, 39_000_000


@pytest.fixture
def quick(monkeypatch):
    """A processor that multiplies bytes."""
    monkeypatch.setattr(precision, "multiplies_bytes", lambda: True)


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(precision, "multiplies_bytes", lambda: False)


@pytest.mark.usefixtures("quick")
def test_a_processor_takes_bytes_for_models_that_keep_their_words():
    assert resolve("auto", "cpu", BASE).is_quantised
    assert resolve("auto", "cpu", TINY).name == "fp32"
    assert TINY < LEAST_QUANTISED < BASE
    assert choose("cpu", BASE).name == "int8"
    assert "smaller than base" in choose("cpu", TINY).reason


@pytest.mark.parametrize(
    ("has_vnni", "has_tiles", "named"),
    [(True, True, "AMX"), (True, False, "VNNI"), (False, False, "AVX2")],
)
@pytest.mark.usefixtures("quick")
def test_the_reason_names_the_instructions(monkeypatch, has_vnni, has_tiles, named):
    monkeypatch.setattr(precision, "has_vnni", lambda: has_vnni)
    monkeypatch.setattr(precision, "has_tiles", lambda: has_tiles)
    assert named in choose("cpu", BASE).reason


@pytest.mark.usefixtures("slow")
def test_other_processors_compute_in_single_precision():
    assert resolve("auto", "cpu", BASE).name == "fp32"


@pytest.mark.usefixtures("quick")
def test_cards_compute_in_half_precision():
    assert resolve("auto", "cuda:0", BASE).name == "fp16"


@pytest.mark.usefixtures("quick")
def test_what_is_named_is_taken():
    assert resolve("fp32", "cpu", BASE).name == "fp32"
    assert resolve("int8", "cpu", TINY).is_quantised


@pytest.mark.parametrize(
    ("capability", "machine", "expected"),
    [
        ("AVX2", "x86_64", True),
        ("AVX512", "AMD64", True),
        ("DEFAULT", "x86_64", False),
        ("DEFAULT", "aarch64", False),
    ],
)
def test_which_processors_multiply_bytes(monkeypatch, capability, machine, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert multiplies_bytes() is expected


def test_what_cannot_be_had_is_said():
    with pytest.raises(ValueError, match="precision must be"):
        resolve("fp4", "cpu", BASE)
    with pytest.raises(ValueError, match="take fp16"):
        resolve("int8", "cuda:0", BASE)
