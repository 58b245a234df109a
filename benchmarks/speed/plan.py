"""Which systems do which work: the lists behind `python -m benchmarks speed`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from benchmarks.peers.registry import missing_packages
from benchmarks.speed.sizes import SIZES, random_checkpoint
from benchmarks.speed.types import FileWork, SystemName, WindowWork
from decoding.model.layers import PRECISIONS, has_bfloat16

PEER_OF: Final[dict[SystemName, str]] = {  # the recogniser that needs the same packages
    "ours": "ours",
    "openai-whisper": "openai-whisper",
    "ctranslate2": "faster-whisper",
    "transformers": "transformers-sequential",
}
CPU_PRECISIONS: Final[dict[SystemName, tuple[str, ...]]] = {
    "ours": ("int8", "bf16", "fp32"),
    "openai-whisper": ("fp32",),
    "ctranslate2": ("int8", "fp32"),
    "transformers": ("fp32",),
}
GPU_PRECISIONS: Final[dict[SystemName, tuple[str, ...]]] = {
    "ours": ("fp16",),
    "openai-whisper": ("fp16",),
    "ctranslate2": ("fp16",),
    "transformers": ("fp16",),
}
FILE_KINDS: Final = (
    ("ours", ("fp32", "int8")),
    ("openai-whisper", ("fp32",)),
    ("faster-whisper", ("fp32", "int8")),
    ("faster-whisper-batched", ("fp32", "int8")),
    ("transformers-sequential", ("fp32",)),
    ("transformers-chunked", ("fp32",)),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. `systems` empty: all that are installed; `precisions`: all."""

    device: str = "cpu"
    batches: tuple[int, ...] = (1, 8)
    threads: tuple[int, ...] = (1,)
    beam_size: int = 5
    tokens: int = 64
    systems: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    cache: str | None = None

    def asks_for(self, name: str) -> bool:
        return not self.systems or name in self.systems

    def asks_for_precision(self, name: str) -> bool:
        return not self.precisions or name in self.precisions

    def takes(self, name: str, peer: str) -> bool:
        """Whether it was asked for, and what its `peer` of the registry needs is installed."""
        return self.asks_for(name) and not missing_packages(peer)


def peers(*, has_files: bool = True) -> dict[str, str]:
    """Every system that can be measured, and the recogniser that needs the same packages."""
    return dict([*PEER_OF.items(), *((kind, kind) for kind, _ in FILE_KINDS if has_files)])


def check_systems(systems: Sequence[str]) -> None:
    """Raise ValueError for a name that nothing is called by."""
    known = peers()
    if unknown := [name for name in systems if name not in known]:
        raise ValueError(f"there is no system {unknown[0]!r}; choose of {', '.join(known)}")


def check_precisions(precisions: Sequence[str]) -> None:
    """Raise ValueError for a name that no precision is called by."""
    if unknown := [name for name in precisions if name not in PRECISIONS]:
        raise ValueError(f"there is no precision {unknown[0]!r}; choose of {', '.join(PRECISIONS)}")


def absent(scale: Scale, *, has_files: bool) -> Iterator[str]:
    """A sentence for each system that was asked for and cannot be measured here."""
    for name, peer in peers(has_files=has_files).items():
        if scale.asks_for(name) and (missing := missing_packages(peer)):
            yield f"not measured: {name}, which needs {' and '.join(missing)} (make peers)"


def window_works(size: str, scale: Scale) -> list[WindowWork]:
    """Every installed system on a checkpoint of this size, batch by batch."""
    if size not in SIZES:
        raise ValueError(f"no size is called {size!r}; there are {', '.join(SIZES)}")
    checkpoint = str(
        random_checkpoint(size, Path(scale.cache) if scale.cache else None, scale.device)
    )
    works = [
        WindowWork(
            system=system,
            checkpoint=checkpoint,
            device=scale.device,
            precision=precision,
            batch=batch,
            beam_size=scale.beam_size,
            tokens=scale.tokens,
            threads=threads,
            cache=scale.cache,
        )
        for system, precision, batch, threads in _combinations(scale)
    ]
    if scale.precisions and not works:
        names = ", ".join(scale.precisions)
        raise ValueError(
            f"no system has {names} on {scale.device}: see what has by no --precisions"
        )
    return works


def file_works(model: str, audio: Sequence[str], scale: Scale) -> list[FileWork]:
    """Every installed pipeline on each of the files, at the largest batch."""
    return [
        FileWork(
            kind=kind,
            model=model,
            device=scale.device,
            precision=precision,
            batch=max(scale.batches),
            beam_size=scale.beam_size,
            threads=threads,
            audio=path,
        )
        for path, threads, (kind, precisions) in product(audio, scale.threads, FILE_KINDS)
        if scale.takes(kind, kind)
        for precision in (precisions if scale.device == "cpu" else ("fp16",))
        if scale.asks_for_precision(precision)
    ]


def _combinations(scale: Scale) -> Iterator[tuple[SystemName, str, int, int]]:
    for threads, batch in product(scale.threads, scale.batches):
        for system, peer in PEER_OF.items():
            # openai-whisper raises for more than one window with beams
            if scale.takes(system, peer) and (batch == 1 or system != "openai-whisper"):
                names = _precisions(system, scale.device)
                asked = (name for name in names if scale.asks_for_precision(name))
                yield from ((system, name, batch, threads) for name in asked)


def _precisions(system: SystemName, device: str) -> tuple[str, ...]:
    """Of a processor that only imitates bfloat16 it takes minutes for a window."""
    if device != "cpu":
        return GPU_PRECISIONS[system]
    return tuple(name for name in CPU_PRECISIONS[system] if name != "bf16" or has_bfloat16())
