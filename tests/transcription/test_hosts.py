"""A recording over 1, 2 and 3 hosts of a Ray cluster: its transcript is the same to a figure.

Hosts are network namespaces of this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.demo import shipped_recording
from benchmarks.speed.cluster_hosts import can_make_namespaces, open_hosts
from tests.decoding.cluster.three_nodes import only_by_night
from transcription.ffmpeg import bundled_ffmpeg

ROOT = Path(__file__).parents[2]
SECONDS = 1800.0
HOSTS = ((2,), (2, 2), (2, 2, 2))
"""Replicas on each."""
SETTINGS = {"MODEL": "demo", "THREADS": "1", "SLOTS": "4", "DEVICES": "cpu", "PRECISION": "fp32"}


def transcript(source: Path, before: Sequence[str] = (), **more: str) -> str:
    """verbose_json, as the command line gives it on a host."""
    given = {f"LONGFORM_{name}": value for name, value in {**SETTINGS, **more}.items()}
    command = [*before, sys.executable, "-m", "transcription", str(source)]
    environment = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--format", "verbose_json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def transcript_over(replicas: Sequence[int], source: Path) -> str:
    with open_hosts(replicas) as hosts:
        way = hosts.connection
        there = {"RAY_ADDRESS": way.address, "RAY_TOKEN_FILE": str(way.token_file)}
        there |= {"RAY_REPLICAS": str(sum(replicas)), "RAY_GPUS": "0"}
        return transcript(source, hosts.command, **there)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_the_transcript_is_the_same_on_any_number_of_hosts(
    tmp_path: Path, request: pytest.FixtureRequest
):
    """`--night 1`: 30 minutes."""
    only_by_night(request)
    if not can_make_namespaces():
        pytest.skip("this machine lets us make no network namespaces")
    seconds = SECONDS * request.config.getoption("--night")
    source, joined = shipped_recording()[0], tmp_path / "joined.wav"
    repeat = ["-stream_loop", "-1", "-i", str(source), "-t", f"{seconds}", str(joined)]
    subprocess.run([str(bundled_ffmpeg()), "-v", "error", *repeat], check=True)
    compare(joined)


def compare(source: Path) -> None:
    """Every transcript with that of this machine alone."""
    alone = transcript(source)
    assert len(alone) > 1000
    for replicas in HOSTS:
        began = time.monotonic()
        assert transcript_over(replicas, source) == alone, replicas
        took = time.monotonic() - began
        print(f"{len(replicas)} hosts: the same, {took:.0f} s")  # noqa: T201 - of a nightly run
