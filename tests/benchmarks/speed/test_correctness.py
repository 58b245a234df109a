"""How tokens decoded in two ways are counted, and what becomes of recordings that fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.speed import correctness
from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound
from decoding.device.cuda_graphs import RecordingRunner, Replay


class NoRecorder:
    def record(self, body: Callable[[], None]) -> Replay:
        raise RuntimeError("no kernel image")

    def forget(self) -> None:
        pass


@pytest.mark.slow
def test_steps_that_were_not_recorded_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "decoding.engine.slots.runner_for", lambda *_, **__: RecordingRunner(NoRecorder())
    )
    checkpoint = str(random_checkpoint("toy", tmp_path))
    found = correctness.graphs(checkpoint, "cpu", "fp32", sound.spread_windows(1))
    assert found.compared.windows == 1
    assert (found.compared.differing_tokens, found.compared.rate) == (0, 0.0)
    assert {sentence.rpartition(": ")[2] for sentence in found.complaints} == {"no kernel image"}


def test_tokens_that_differ_are_counted() -> None:
    ones, others = ([SimpleNamespace(tokens=given)] for given in ((1, 2, 3, 4), (1, 9, 3)))
    found = correctness._two_ways("fp32", ones, others)
    assert (found.windows, found.tokens, found.differing_tokens) == (1, 4, 2)
    assert found.rate == 0.5
