"""Which recognisers are compared, each with the same weights in the form that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.checkpoint_conversion import OFFICIAL_NAMES
from benchmarks.peers.registry import OURS, OURS_SEQUENTIAL, card_of
from benchmarks.peers.types import PeerSpec

PEERS: Final = ("faster-whisper", "faster-whisper-batched", "openai-whisper")
CTRANSLATE2: Final = ("faster-whisper", "faster-whisper-batched")
_CT2_FILE: Final = "model.bin"


@dataclass(frozen=True, slots=True)
class Weights:
    """The same model for each family of recognisers: a name, a file or a folder."""

    ours: str
    openai: str
    ctranslate2: str

    def of(self, kind: str) -> str:
        if kind in CTRANSLATE2:
            return self.ctranslate2
        return self.openai if kind == "openai-whisper" else self.ours


def find_weights(model: str, openai: str | None = None, ctranslate2: str | None = None) -> Weights:
    """`model` in every form: as told, else beside it, else `model` itself.

    Beside `base.pt` a folder `base` or `base-ct2` with model.bin is CTranslate2's form; beside
    such folders `base.pt` is openai-whisper's. What is found nowhere is converted on first use.
    """
    path = Path(model)
    name = path.stem if path.is_file() else path.name.removesuffix("-ct2")
    beside = [path / f"{name}.pt", path.parent / f"{name}.pt"]
    folders = [path, path.parent / name, path.parent / f"{name}-ct2"]
    if model in OFFICIAL_NAMES or path.is_file():
        beside = []
    if model in OFFICIAL_NAMES:
        folders = []
    found_pt = next((str(p) for p in beside if p.is_file()), model)
    found_ct2 = next((str(p) for p in folders if (p / _CT2_FILE).is_file()), model)
    return Weights(model, openai or found_pt, ctranslate2 or found_ct2)


def choose_systems(peers: Sequence[str], spec: PeerSpec, weights: Weights) -> list[PeerSpec]:
    """Ours, ours one window after the other, then `peers`; an unknown name is an error."""
    kinds = list(dict.fromkeys([OURS, OURS_SEQUENTIAL, *peers]))
    for kind in kinds:
        card_of(kind)
    return [
        PeerSpec.from_json({**spec.to_json(), "kind": kind, "model": weights.of(kind)})
        for kind in kinds
    ]


def move_windows(systems: Sequence[PeerSpec], phases: Sequence[float]) -> list[PeerSpec]:
    """Those whose windows can be moved, once for each of `phases` (seconds)."""
    return [
        replace(spec, phase=phase)
        for phase in dict.fromkeys(phases)
        for spec in systems
        if spec.kind in {OURS, OURS_SEQUENTIAL}
    ]
