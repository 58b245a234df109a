"""Kernels in Triton run by its interpreter, on the CPU."""

from __future__ import annotations

import pytest


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that are imported from now on: it is asked when a kernel is made."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
