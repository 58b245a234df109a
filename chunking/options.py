"""Options of planning, merging and segmenting; each default is written here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

PlanKind = Literal["grid", "chains"]
MIN_CHAIN = 30.0
"""Seconds; a shorter chain is a window."""
LARGEST_SHARE = 1 / 6
"""Of a window that the overlap takes if nobody says how much: of short ones, less than 3 s."""


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """Where windows lie. Whisper hears thirty seconds; shorter windows cost accuracy.

    `plan`: windows of a "grid" lie `overlap` seconds in each other, all known before the first is
    decoded; those of "chains" begin `back_off` seconds before where the last one stopped writing.
    `chain`: about how many seconds each chain covers, None for all of a recording. Long ones need
    the fewest windows, short ones are done sooner where many windows are decoded at once. Two
    chains meet with `overlap`.

    `phase` shortens the first window after each silence by so many seconds and thereby moves all
    seams: two runs of different phase hear every word once beside a seam and once far from one.
    """

    window: float = 30.0
    overlap: float = 3.0
    phase: float = 0.0
    plan: PlanKind = "grid"
    chain: float | None = 300.0
    back_off: float = 2.5

    def __post_init__(self) -> None:
        if not 1.0 <= self.window <= 30.0:
            raise ValueError(f"window must be 1 to 30 seconds, got {self.window}")
        if not 0.0 <= self.overlap <= self.window / 2:
            raise ValueError(
                f"overlap must be 0 to half of the window ({self.window / 2:g} s), "
                f"got {self.overlap}"
            )
        if not 0.0 <= self.phase < self.window - self.overlap:
            raise ValueError(
                f"phase must be 0 to less than {self.window - self.overlap:g} s, got {self.phase}"
            )
        if self.plan not in get_args(PlanKind):
            raise ValueError(f"plan must be one of {get_args(PlanKind)}, got {self.plan!r}")
        if self.chain is not None and not self.chain >= MIN_CHAIN:
            raise ValueError(f"chain must be {MIN_CHAIN:g} seconds or more, got {self.chain}")
        if not 0.0 <= self.back_off <= self.window / 2:
            raise ValueError(
                f"back_off must be 0 to half of the window ({self.window / 2:g} s), "
                f"got {self.back_off}"
            )

    @classmethod
    def of(
        cls,
        window: float,
        overlap: float | None = None,
        *,
        plan: PlanKind | None = None,
        chain: float | None = None,
    ) -> Self:
        """Windows of `window` seconds; short ones overlap by a sixth of them if not told.

        Raises ValueError for a `chain` where the plan has none, and for what the class does not
        allow.
        """
        default = cls()
        plan = plan or default.plan
        if chain is not None and plan != "chains":
            raise ValueError(f"chain is for the plan 'chains', got {chain} for {plan!r}")
        share = min(max(window, 0.0) / default.window, 1.0)
        return cls(
            window,
            min(default.overlap, max(window, 0.0) * LARGEST_SHARE) if overlap is None else overlap,
            plan=plan,
            chain=default.chain if chain is None else chain,
            back_off=default.back_off * share,
        )


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How overlapping windows become one list of words.

    `repair_rounds`: how often windows may be decoded again for a seam, a gap or a truncated window,
    each counted by itself; what is still open then is in the coverage report.
    """

    repair_rounds: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.repair_rounds <= 2:
            raise ValueError(f"repair_rounds must be 0, 1 or 2, got {self.repair_rounds}")


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """How words become segments that people read; seconds and characters."""

    max_duration: float = 12.0
    max_characters: int = 200

    def __post_init__(self) -> None:
        if self.max_duration <= 0:
            raise ValueError(f"max_duration must be above 0 seconds, got {self.max_duration}")
        if self.max_characters < 1:
            raise ValueError(f"max_characters must be 1 or more, got {self.max_characters}")


@dataclass(frozen=True, slots=True)
class CueOptions:
    """How segments become subtitles.

    Lengths in columns (a wide character, such as a Chinese one, takes two), times in seconds,
    `reading_speed` in columns a second. A cue stays on screen until it can be read if the next
    one leaves it the time, but at most a second behind its last word; words are never dropped for
    speed.
    """

    max_line_length: int = 42
    max_lines: int = 2
    max_duration: float = 7.0
    min_duration: float = 0.8
    reading_speed: float = 20.0

    def __post_init__(self) -> None:
        if self.max_line_length < 1 or self.max_lines < 1:
            raise ValueError(
                "a cue has at least one line of one column, "
                f"got {self.max_lines} of {self.max_line_length}"
            )
        if not 0 <= self.min_duration <= self.max_duration or self.max_duration == 0:
            raise ValueError(
                "a cue lasts 0 seconds or more up to max_duration, "
                f"got {self.min_duration} to {self.max_duration}"
            )
        if self.reading_speed <= 0:
            raise ValueError(f"reading_speed must be above 0, got {self.reading_speed}")
