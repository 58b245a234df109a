"""Where decoded samples lie on the clock that a player shows, and how much silence that takes.

A file says when each of its blocks is due. Where that is later than the samples so far reach,
there was a dropout, damage or a late start, and silence takes its place, so that every time of a
transcript is one that a player can jump to. The file is believed up to a bound that grows with its
bytes: a lying table of a kilobyte must not become a thousand hours. What comes too early stays
where it is: nothing that was recorded is cut away.
"""

from __future__ import annotations

from dataclasses import dataclass

from decoding.types import SAMPLE_RATE

SAMPLES_PER_MS = SAMPLE_RATE // 1000
TOLERANCE_MS = 40  # containers round times, packets of the net come early and late
WORTH_A_WORD = 0.5
HOUR = 3600.0
MOST_SILENCE = 6 * HOUR
MOST_GAP = 3600  # seconds; in streams of broadcasters a longer one is a clock that was set anew
SILENCE_OF_ANY_FILE = 1 * HOUR
SILENCE_OF_LITTLE_SOUND = 60.0
SILENCE_PER_SOUND = 60  # seconds between sounds, per second of sound before
BYTES_PER_SECOND = 750  # of the thinnest speech that people record


@dataclass(frozen=True, slots=True)
class Gap:
    """`seconds` without a sample, from `start` on, in seconds of the recording."""

    start: float
    seconds: float


def most_silence(file_bytes: int) -> float:
    """Seconds of silence that the clock of a file of this size may ask for, in all."""
    return min(MOST_SILENCE, SILENCE_OF_ANY_FILE + file_bytes / BYTES_PER_SECOND)


class PlayerClock:
    """Follows one track: told of its blocks in order, says how much silence goes before each.

    `budget`: seconds of silence in all. `start`: by how much its blocks are due later than they
    say.
    """

    def __init__(self, budget: float, start: float = 0.0) -> None:
        self.gaps: list[Gap] = []
        self.disbelieved: list[Gap] = []
        self._budget_ms = round(budget * 1000)
        self._shift_ms = round(start * 1000)
        self._samples = 0
        self._sound = 0
        self._filled_ms = 0

    @property
    def seconds(self) -> float:
        """How far the recording reaches, silence included."""
        return self._samples / SAMPLE_RATE

    def place(self, due_ms: int, samples: int) -> int:
        """Samples of silence that go before a block of `samples` that is due then."""
        late_ms = due_ms + self._shift_ms - self._samples // SAMPLES_PER_MS
        silence = self._fill(late_ms) if late_ms > TOLERANCE_MS else 0
        self._samples += silence + samples
        self._sound += samples
        return silence

    def restart(self, start: float) -> None:
        """What comes next is due `start` seconds later than it says."""
        self._shift_ms = round(start * 1000)

    def _fill(self, late_ms: int) -> int:
        gap = Gap(self.seconds, late_ms / 1000)
        if late_ms > min(self._budget_ms, MOST_GAP * 1000) or not self._is_in_proportion(late_ms):
            self.disbelieved.append(gap)
            self._shift_ms -= late_ms
            return 0
        self._budget_ms -= late_ms
        self._filled_ms += late_ms if self._sound else 0
        if self._sound and gap.seconds >= WORTH_A_WORD:
            self.gaps.append(gap)
        return late_ms * SAMPLES_PER_MS

    def _is_in_proportion(self, late_ms: int) -> bool:
        """To the sound so far; a late start is not, for people join late."""
        heard = self._sound / SAMPLE_RATE
        most_ms = (SILENCE_OF_LITTLE_SOUND + SILENCE_PER_SOUND * heard) * 1000
        return not self._sound or self._filled_ms + late_ms <= most_ms

    def warnings(self) -> list[str]:
        """What whoever reads the transcript should know of its times."""
        found = []
        if self.gaps:
            first, total = self.gaps[0], sum(gap.seconds for gap in self.gaps)
            found.append(
                f"The file has no sound from {first.start:.1f} to "
                f"{first.start + first.seconds:.1f} s{_others(len(self.gaps) - 1)}; "
                f"{total:.1f} s are kept as silence, so that times are those of a player."
            )
        if self.disbelieved:
            first = self.disbelieved[0]
            found.append(
                f"The file's clock jumps by {first.seconds:.0f} s at {first.start:.1f} s, which is "
                "not believed; times after that may be early."
            )
        return found


def _others(count: int) -> str:
    return f" and in {count} more such gaps" if count > 1 else " and in one more" if count else ""
