"""Names of recognisers and how to open them; each is imported only when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Final, cast

from benchmarks.checkpoint_conversion import fetched
from benchmarks.machine import OUR_PACKAGE, our_source, our_version
from benchmarks.peers.types import Peer, PeerSpec, PeerUnavailable
from decoding.device.spin_wait import spin_by_default


@dataclass(frozen=True, slots=True)
class PeerCard:
    """A recogniser that can be measured. `opener` is "module:function"; `packages` it needs."""

    name: str
    summary: str
    opener: str
    packages: tuple[str, ...]


NO_REPORTS: Final = "ORT_DISABLE_TELEMETRY"  # else onnxruntime tells its maker of every session

OURS: Final = "ours"
OURS_SEQUENTIAL: Final = "ours-sequential"
ABSENT: Final = "absent"
PEERS: Final[dict[str, PeerCard]] = {
    card.name: card
    for card in (
        PeerCard(OURS, "this repository's pipeline", "benchmarks.peers.ours:open_ours", ("torch",)),
        PeerCard(
            OURS_SEQUENTIAL,
            "our engine, each window from where the last stopped writing: no overlap, no merge",
            "benchmarks.peers.ours_sequential:open_ours_sequential",
            ("torch",),
        ),
        PeerCard(
            "openai-whisper",
            "the reference implementation: one window after the other, beam 5, fallback",
            "benchmarks.peers.openai_whisper:open_openai_whisper",
            ("openai-whisper",),
        ),
        PeerCard(
            "faster-whisper",
            "CTranslate2, one window after the other",
            "benchmarks.peers.faster_whisper:open_sequential",
            ("faster-whisper",),
        ),
        PeerCard(
            "faster-whisper-batched",
            "CTranslate2, windows cut at silence and decoded in batches",
            "benchmarks.peers.faster_whisper:open_batched",
            ("faster-whisper",),
        ),
        PeerCard(
            "transformers-sequential",
            "Hugging Face generate(), one window after the other",
            "benchmarks.peers.transformers_whisper:open_sequential",
            ("transformers",),
        ),
        PeerCard(
            "transformers-chunked",
            "Hugging Face pipeline, 30 s windows that overlap, merged by common subsequence",
            "benchmarks.peers.transformers_whisper:open_chunked",
            ("transformers",),
        ),
        PeerCard(
            "whisperx",
            "faster-whisper in batches after voice activity, as WhisperX cuts it",
            "benchmarks.peers.whisperx:open_whisperx",
            ("whisperx",),
        ),
    )
}
SERVER: Final = PeerCard(
    "http://HOST/v1",
    "any server with OpenAI's /audio/transcriptions, ours too",
    "benchmarks.peers.server:open_server",
    ("httpx",),
)


def card_of(kind: str) -> PeerCard:
    """Raises ValueError that lists the names there are."""
    if kind.startswith(("http://", "https://")):
        return SERVER
    try:
        return PEERS[kind]
    except KeyError:
        known = ", ".join([*PEERS, SERVER.name])
        raise ValueError(f"no recogniser is called {kind!r}; there are {known}") from None


def versions_of(kind: str) -> dict[str, str]:
    """Versions of the packages behind a recogniser; ABSENT for one that is not installed."""
    is_ours = kind in {OURS, OURS_SEQUENTIAL}
    found = {OUR_PACKAGE: f"{our_version()}, source {our_source()}"} if is_ours else {}
    for package in card_of(kind).packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ABSENT
    return found


def missing_packages(kind: str) -> list[str]:
    """What must be installed before the recogniser can be opened."""
    return [package for package, found in versions_of(kind).items() if found == ABSENT]


def open_peer(spec: PeerSpec) -> Peer:
    """Loads the recogniser and its model. Raises PeerUnavailable with one sentence."""
    card = card_of(spec.kind)
    if spec.kind not in {OURS, OURS_SEQUENTIAL}:
        spin_by_default()
        spec = replace(spec, model=fetched(spec.model, spec.model_dir))
    if missing := missing_packages(spec.kind):
        raise PeerUnavailable(
            f"{card.name} needs {' and '.join(missing)}: pip install {' '.join(missing)}"
        )
    os.environ[NO_REPORTS] = "1"  # faster-whisper and WhisperX bring onnxruntime; none may report
    module, _, function = card.opener.partition(":")
    opener = cast("Callable[[PeerSpec], Peer]", getattr(import_module(module), function))
    return opener(spec)
