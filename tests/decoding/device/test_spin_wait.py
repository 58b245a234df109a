"""Asked of the runtime itself, which tells its settings when it is loaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from decoding.device.spin_wait import ROUNDS, SPIN_COUNT, WAIT_POLICY

ENGINE = "import decoding.engine.engine"
FILES = """
import contextlib
from benchmarks.peers.registry import open_peer
from benchmarks.peers.types import PeerSpec
with contextlib.suppress(Exception):
    open_peer(PeerSpec(kind="{}", model="no such model"))
import torch
"""
WINDOWS = """
import contextlib, types
from benchmarks.speed.systems import open_windows
with contextlib.suppress(Exception):
    open_windows(types.SimpleNamespace(system="{}"))
import torch
"""


def rounds_of(code: str, **variables: str) -> str | None:
    """The rounds that the runtime waits awake in a process that runs `code`."""
    clean = {n: v for n, v in os.environ.items() if n not in {SPIN_COUNT, WAIT_POLICY}}
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **variables, "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stderr
    found = re.search(rf"{SPIN_COUNT} = '(\d+)'", told)
    return found[1] if found else None


@pytest.fixture(scope="module")
def default() -> str:
    """What the runtime does by itself."""
    rounds = rounds_of("import torch")
    if rounds is None:
        pytest.skip("PyTorch has no runtime of GNU's here: how its threads wait is its own affair")
    return rounds


def test_threads_of_the_engine_wait_awake_only_briefly(default: str) -> None:
    assert rounds_of(ENGINE) == ROUNDS
    assert int(ROUNDS) < int(default)


def test_what_a_user_has_set_stays(default: str) -> None:
    assert rounds_of(ENGINE, **{SPIN_COUNT: "77"}) == "77"
    assert rounds_of(ENGINE, **{WAIT_POLICY: "active"}) == rounds_of(
        "import torch", **{WAIT_POLICY: "active"}
    )


@pytest.mark.parametrize("code", [FILES, WINDOWS])
def test_others_are_measured_as_their_users_run_them(default: str, code: str) -> None:
    assert rounds_of(code.format("openai-whisper")) == default
    assert rounds_of(code.format("ours")) == ROUNDS
