"""Kernels in Triton run by its interpreter, on the CPU."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="no Triton here: it comes with PyTorch for CUDA"
)
