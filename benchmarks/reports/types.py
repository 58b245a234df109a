"""What a report is made of."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.evaluation import Duel, SystemEvaluation
from benchmarks.records import RunRecord


@dataclass(frozen=True, slots=True)
class Assessment:
    """`evaluations[n]` holds every system under `normalizers[n]`; duels are under the first."""

    run: RunRecord
    normalizers: tuple[str, ...]
    evaluations: tuple[tuple[SystemEvaluation, ...], ...]
    duels: tuple[Duel, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        found = (e.warning for row in self.evaluations for e in row)
        return tuple(dict.fromkeys(warning for warning in found if warning))

    @property
    def failures(self) -> tuple[str, ...]:
        """One line for each recording that has no transcript."""
        return tuple(
            f"{system.name}: {file.item.name}: {file.error}"
            for system in self.run.systems
            for file in system.files
            if file.error is not None
        )
