"""One published figure beside ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reproduced:
    """`is_close`: the difference is within what the source allows. A `remark` explains."""

    source: str
    case: str
    published: str
    ours: str
    is_close: bool
    remark: str = ""

    @property
    def is_settled(self) -> bool:
        """Reproduced, or different for a reason that is written down."""
        return self.is_close or bool(self.remark)
