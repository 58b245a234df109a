"""Whole files by the recognisers of `benchmarks.peers`: the pipelines as their users call them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.registry import open_peer
from benchmarks.peers.types import PeerSpec
from benchmarks.sound import read_samples
from benchmarks.speed.types import Done, FileWork, Runnable
from decoding.types import SAMPLE_RATE

WINDOW_SECONDS = 30.0


def open_file(work: FileWork) -> Runnable:
    """Load the recogniser. A run goes from the encoded file to words with times."""
    peer = open_peer(
        PeerSpec(
            kind=work.kind,
            model=work.model,
            device=work.device,
            precision=work.precision,
            beam_size=work.beam_size,
            batch_size=work.batch,
            threads=work.threads,
        )
    )
    audio = Path(work.audio)
    seconds = len(read_samples(audio)) / SAMPLE_RATE

    def run() -> Done:
        heard = peer.transcribe(audio, "en")
        return Done(seconds, max(round(seconds / WINDOW_SECONDS), 1), None, (heard.text,))

    return run
