"""When the windows of one recording will be decoded, by how long those before them took.

Windows share the engine's slots and often end together, so that counting them over time misleads:
after the first of a group it is far too slow, after the last far too quick. What is measured is the
time that a window holds a slot. Knows no plan: how many windows are left is for others to say.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from statistics import fmean

REMEMBERED = 64  # windows; their pace counts, so that it follows what the engine does now


class Pace:
    """Hears of every window that is submitted and done; several threads may tell it.

    `at_once`: slots that the engine gives to this recording. Which window has which slot is not
    known here and need not be: the one that ends is taken for the one that began first.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._at_once = 1
        self._starts: deque[float] = deque()
        self._most_at_once = 0
        self._durations: deque[float] = deque(maxlen=REMEMBERED)
        # A moment, and the seconds that slots were held until then: at the beginning, then at the
        # end of every window remembered.
        self._held_at: deque[tuple[float, float]] = deque(maxlen=REMEMBERED + 1)
        self._held = 0.0
        self._under_way = 0
        self._done = 0

    @property
    def under_way(self) -> int:
        """Windows that were submitted and are not done."""
        return self._under_way

    @property
    def done(self) -> int:
        """Windows that are done, in whichever order."""
        return self._done

    def shares(self, at_once: int) -> None:
        """So many slots are this recording's from now on."""
        with self._lock:
            self._at_once = max(at_once, 1)
            self._start_more(self._clock())

    def submitted(self, windows: int) -> None:
        with self._lock:
            now = self._clock()
            if not self._held_at:
                self._held_at.append((now, 0.0))
            self._under_way += windows
            self._start_more(now)

    def ended(self, *, is_done: bool) -> None:
        """One window is decoded, or was cancelled or failed."""
        with self._lock:
            now = self._clock()
            self._under_way -= 1
            start = self._starts.popleft() if self._starts else now
            self._held += now - start
            if is_done:
                self._done += 1
                self._durations.append(now - start)
            self._held_at.append((now, self._held_until(now)))
            self._start_more(now)

    def end_of(self, windows: int) -> float | None:
        """The moment on the clock at which the next `windows`, those under way among them, are
        done; None until as many were done as began together: the short ones of them end first.
        """
        with self._lock:
            if self._done < max(self._most_at_once, 1):
                return None
            now = self._clock()
            starts = self._starts or [now]
            seconds = self._duration(now)
            end = fmean(starts) + seconds * max(windows / self._slots(now), 1.0)
            if self._starts and windows > len(starts):  # one waits for the oldest to end
                end = max(end, min(starts) + 2 * seconds)
            return max(end, now)

    def _slots(self, now: float) -> float:
        """How many were held on average; fewer than there are where windows wait for others."""
        moment, held = self._held_at[0]
        if now <= moment:
            return 1.0
        return (self._held_until(now) - held) / (now - moment) or 1.0

    def _duration(self, now: float) -> float:
        """Seconds in a slot. The short windows of a round end first: the others already count with
        their age, once they are older than those."""
        usual = fmean(self._durations)
        return fmean([*self._durations, *(age for age in self._ages(now) if age > usual)])

    def _held_until(self, now: float) -> float:
        return self._held + sum(self._ages(now))

    def _ages(self, now: float) -> list[float]:
        return [now - start for start in self._starts]

    def _start_more(self, now: float) -> None:
        while len(self._starts) < min(self._at_once, self._under_way):
            self._starts.append(now)
        self._most_at_once = max(self._most_at_once, len(self._starts))
