"""What is measured of a processor: which parts, how much, by whom, and where it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.checkpoint_conversion import fingerprint
from benchmarks.cli.output import Bars, note
from benchmarks.human.systems import find_weights
from benchmarks.human.tables import Table
from benchmarks.peers.registry import OURS, missing_packages, versions_of
from benchmarks.peers.types import PeerSpec
from benchmarks.speed.processor.turns import Answer, Opening, Turn, missing, take_turns
from benchmarks.speed.worker import THREAD_VARIABLES

PARTS: Final = ("whole", "lengths", "beside", "instructions")
WHOLE: Final = (OURS, "faster-whisper-batched", "faster-whisper")
PRECISIONS: Final = ("int8", "fp32")


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured, and where sound and answers are kept.

    `sound`: folders of recordings, the shipped one if empty; `minutes` of them at most. `lengths`
    in minutes. `systems` empty: ours and faster-whisper's; `precisions`: all. `sizes` and `batches`
    are those of windows; whole files are given the most of `batches` and of `threads`.
    """

    folder: Path
    model: str = "demo"
    sound: tuple[Path, ...] = ()
    minutes: float | None = None
    lengths: tuple[int, ...] = (10, 60, 180)
    threads: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1, 8)
    sizes: tuple[str, ...] = ("tiny",)
    tokens: int = 64
    beam_size: int = 5
    rounds: int = 3
    systems: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    cache: Path | None = None

    @property
    def sound_folder(self) -> Path:
        return self.folder / "sound"

    def take(self, turns: Sequence[Turn]) -> list[Answer]:
        """Measures what was not measured before, with a bar."""
        left = missing(turns, self.kept)
        if left < len(turns):
            note(f"{len(turns) - left} of {len(turns)} were measured before and are kept")
        with Bars(left) as bars:
            return take_turns(turns, self.kept, bars)

    @property
    def kept(self) -> Path:
        """Where answers lie."""
        return self.folder / "turns"

    def asks_for(self, kind: str) -> bool:
        return not self.systems or kind in self.systems


@dataclass(frozen=True, slots=True)
class Part:
    """One part's tables, and every figure behind them."""

    tables: tuple[Table, ...]
    figures: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """A recogniser at a precision, given `threads`; None: as many as it takes by itself."""

    kind: str
    precision: str
    threads: int | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.precision}"

    @property
    def cell(self) -> str:
        """The name in two lines."""
        kind, _, mode = self.kind.partition("whisper-")
        return f"{kind}whisper\n{mode} {self.precision}" if mode else f"{kind}\n{self.precision}"

    @property
    def is_ours(self) -> bool:
        return self.kind == OURS


def systems_of(
    amount: Amount, kinds: Sequence[str], precisions: Sequence[str], threads: int | None
) -> list[System]:
    """Those that are asked for and installed, all at one precision, then at the next.

    Raises ValueError if no precision is.
    """
    asked = [one for one in precisions if not amount.precisions or one in amount.precisions]
    if not asked:
        raise ValueError(
            f"here {' and '.join(precisions)} can be measured, not {', '.join(amount.precisions)}: "
            "choose with --precisions, or leave it out"
        )
    return [
        System(kind, precision, threads)
        for precision in asked
        for kind in kinds
        if amount.asks_for(kind) and not missing_packages(kind)
    ]


def absent(amount: Amount, kinds: Sequence[str]) -> Iterator[str]:
    """A sentence for each of `kinds` that is asked for and cannot be measured here."""
    for kind in kinds:
        if amount.asks_for(kind) and (packages := missing_packages(kind)):
            yield f"Not measured: {kind}, which needs {' and '.join(packages)} (make peers)."


def problems(answers: Sequence[Answer]) -> list[str]:
    """A sentence for each system that stumbled, with its first problem."""
    found: dict[str, str] = {}
    for one in answers:
        if one.problem is not None:
            found.setdefault(one.turn.system, one.problem)
    return [f"{system} failed: {problem}." for system, problem in found.items()]


def listening(amount: Amount, system: System, **facts: Any) -> Opening:
    """A process in which the system hears recordings, one after the other."""
    weights = find_weights(amount.model)
    spec = PeerSpec(
        kind=system.kind,
        model=weights.of(system.kind),
        precision=system.precision,
        beam_size=amount.beam_size,
        batch_size=max(amount.batches),
        threads=system.threads,
        previous_text=False,
    )
    threads = {} if system.threads is None else dict.fromkeys(THREAD_VARIABLES, str(system.threads))
    work = {"spec": spec.to_json(), "sound_folder": str(amount.sound_folder), "warm_up": True}
    known = {"weights": fingerprint(spec.model), **versions_of(system.kind), **facts}
    return Opening("benchmarks.measurement:Measurement", work, threads, known)


def rotated(systems: Sequence[System], by: int) -> list[System]:
    """Another one goes first."""
    at = by % max(len(systems), 1)
    return [*systems[at:], *systems[:at]]


def to_json(part: Part) -> dict[str, Any]:
    """Tables as they are shown, figures as numbers."""
    return {
        "tables": [
            {"title": t.title, "columns": list(t.columns), "rows": [list(r) for r in t.rows]}
            for t in part.tables
        ],
        "figures": json.loads(json.dumps(list(part.figures))),
    }
