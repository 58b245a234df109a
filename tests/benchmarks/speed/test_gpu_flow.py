"""Our engine in flow: where its thread is, and what is told of a card's kernels."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from benchmarks.speed.gpu_flow import ENGINE_THREAD, Kernel, gap_lines, lines
from benchmarks.speed.sizes import random_checkpoint


def test_gaps_are_counted_by_length_and_by_what_came_next() -> None:
    """Two kernels overlap, one is inside another."""
    kernels = [
        Kernel(0.0, 10.0, "product"),
        Kernel(1010.0, 1040.0, "norm"),
        Kernel(1020.0, 1025.0, "copy"),
        Kernel(1035.0, 1050.0, "product"),
        Kernel(1053.0, 1060.0, "norm"),
    ]
    told = gap_lines(list(reversed(kernels)), windows=2)
    assert told == [
        "- 2 kernels a window; of 1.1 ms the card idled 1.0",
        "- idle in gaps of more microseconds: 1.0 ms",
        "- idle in gaps of below 5 microseconds: 0.0 ms",
        "- idle 1.00 ms before norm",
        "- busy 0.04 ms in norm",
        "- busy 0.03 ms in product",
        "- busy 0.01 ms in copy",
    ]


def test_a_card_that_did_nothing_idled_not() -> None:
    assert gap_lines([], 1) == ["- 0 kernels a window; of 0.0 ms the card idled 0.0"]


@pytest.mark.slow
def test_flow_and_the_thread_on_a_cpu(tmp_path: Path) -> None:
    is_over = threading.Event()
    other = threading.Thread(target=is_over.wait, name=ENGINE_THREAD, daemon=True)
    other.start()  # as an engine that somebody else has open
    try:
        told = lines(random_checkpoint("toy", tmp_path), "cpu", 2, 60, 1)  # long: it is sampled
    finally:
        is_over.set()
    assert "ms a window with word times in a batch of 2" in told[0]
    assert any(line.endswith(" in batch.step") for line in told)
    assert "- cpu has no kernels to look at" in told
    assert told[-1].endswith("with keys and values of the sound in 8 bits")
