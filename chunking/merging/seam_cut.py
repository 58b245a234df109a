"""One seam: where the words of two windows that hear the same sound are joined.

The cut lies beside a word that both windows have, never inside a disagreement, so that a disputed
stretch comes whole from one side. Pairs of a monotone alignment are said once: nothing between
two agreeing words is lost or doubled. Asks for nothing and decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chunking.merging.disagreements import (
    CREDIBLE,
    Dispute,
    Passage,
    find_passages,
    is_heard,
    overrules,
    word_boundary,
)
from chunking.merging.word_alignment import GUARD, Column, align
from chunking.text.word_duration import focus
from chunking.text.word_keys import Unit, to_units
from chunking.types import SeamStatus, Span, Word

RUN_LIMIT = 3
PAUSE_WEIGHT = 1.0
PAUSE_LIMIT = 1.0
DISTANCE_WEIGHT = 4.0
FEWEST_ANCHORS = 2
MOST_DISPUTED_PER_ANCHOR = 2


@dataclass(frozen=True, slots=True)
class Settlement:
    """The words on both sides of the cut at `time`, in order; `is_disputed` asks for a repair."""

    words: tuple[Word, ...]
    time: float
    status: SeamStatus
    agreeing_words: int = 0
    is_disputed: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Keep `left[:left_stop]` and `right[right_start:]`."""

    left_stop: int
    right_start: int
    time: float
    agreeing: int
    disputed: int
    run: int = 0
    """Agreeing words in a row beside the cut, those outside of the joint too."""
    passages: tuple[Passage, ...] = ()

    @property
    def is_weak(self) -> bool:
        """One chance agreement among many disagreements is no anchor."""
        return (
            max(self.agreeing, self.run) < FEWEST_ANCHORS
            and self.disputed > MOST_DISPUTED_PER_ANCHOR * self.agreeing
        )


def settle(dispute: Dispute) -> Settlement:
    """Join both sides: beside an agreeing word if there is one, else as carefully as possible."""
    cut = find_cut(dispute)
    if cut is None:
        return _settle_without_anchor(dispute)
    if cut.is_weak:
        words = dispute.left[: cut.left_stop] + dispute.right[cut.right_start :]
        return Settlement(words, cut.time, "uncertain", cut.agreeing, is_disputed=True)
    overruled = [passage for passage in cut.passages if overrules(passage, dispute)]
    status: SeamStatus = "voted" if overruled else "agreed"
    return Settlement(_join(dispute, cut, overruled), cut.time, status, cut.agreeing)


def _join(dispute: Dispute, cut: Cut, overruled: Sequence[Passage]) -> tuple[Word, ...]:
    """Left before the cut, right after it, each other's words in the passages overruled."""
    before, after = list(dispute.left[: cut.left_stop]), list(dispute.right[cut.right_start :])
    for passage in reversed(overruled):
        left, right = passage.left, passage.right
        if passage.is_before_cut:
            before[left.start : left.stop] = dispute.right[right.start : right.stop]
        else:
            behind = slice(right.start - cut.right_start, right.stop - cut.right_start)
            after[behind] = dispute.left[left.start : left.stop]
    return (*before, *after)


def find_cut(dispute: Dispute) -> Cut | None:
    """The best cut beside an agreeing word, or None where the sides share no word."""
    left = to_units(dispute.left, by_grapheme=dispute.by_grapheme)
    right = to_units(dispute.right, by_grapheme=dispute.by_grapheme)
    path = _Path(align(left, right, dispute.shared), left, right, dispute)
    return path.best_cut()


class _Path:
    """An alignment with all places where it may be cut."""

    def __init__(
        self,
        columns: Sequence[Column],
        left: Sequence[Unit],
        right: Sequence[Unit],
        dispute: Dispute,
    ) -> None:
        self._columns = columns
        self._left = left
        self._right = right
        self._dispute = dispute
        self._half = max(dispute.shared.duration / 2, GUARD / 2)
        core = dispute.core
        self._last_start = len(dispute.right) - dispute.trailing
        self._agreeing = sum(column.agrees and self._is_inside(column) for column in columns)
        self._disputed = sum(
            not column.agrees and core.start <= self._middle(column) <= core.end
            for column in columns
        )

    def best_cut(self) -> Cut | None:
        """The best boundary beside an agreeing column and between whole words, weak if all are."""
        runs_before = _runs(self._columns)
        runs_after = _runs(self._columns[::-1])[::-1]
        best: tuple[tuple[bool, float], int, Cut] | None = None
        i = j = 0  # units of either side before the boundary
        for place in range(len(self._columns) + 1):
            run = (runs_before[place - 1] if place else 0) + (
                runs_after[place] if place < len(self._columns) else 0
            )
            scored = self._cut_at(i, j, run) if run else None
            if scored is not None and (best is None or scored[0] > best[0]):
                best = scored[0], place, scored[1]
            if place < len(self._columns):
                i += self._columns[place].left is not None
                j += self._columns[place].right is not None
        if best is None:
            return None
        passages = find_passages(self._columns, self._left, self._right, best[1])
        return replace(best[2], passages=tuple(passages))

    def _cut_at(self, i: int, j: int, run: int) -> tuple[tuple[bool, float], Cut] | None:
        left_stop = word_boundary(self._left, i, len(self._dispute.left))
        right_start = word_boundary(self._right, j, len(self._dispute.right))
        if left_stop is None or right_start is None:
            return None
        if left_stop < self._dispute.leading or right_start > self._last_start:
            return None
        end = self._left[i - 1].end if i else None
        start = self._right[j].start if j < len(self._right) else None
        if end is None or start is None:
            time, pause = (end if end is not None else start), 0.0
            assert time is not None  # a boundary beside a column has a unit on one side
        else:
            time, pause = (end + start) / 2, max(start - end, 0.0)
        distance = (time - self._dispute.aim) / self._half
        score = run + PAUSE_WEIGHT * min(pause, PAUSE_LIMIT) - DISTANCE_WEIGHT * distance**2
        cut = Cut(left_stop, right_start, time, self._agreeing, self._disputed, run)
        return (not cut.is_weak, score), cut

    def _is_inside(self, column: Column) -> bool:
        """Whether no side has `column` outside of the joint."""
        left, right = column.left, column.right
        return (left is None or self._left[left].first >= self._dispute.leading) and (
            right is None or self._right[right].first < self._last_start
        )

    def _middle(self, column: Column) -> float:
        if column.left is not None:
            return self._left[column.left].middle
        assert column.right is not None  # a column has at least one side
        return self._right[column.right].middle


def _runs(columns: Sequence[Column]) -> list[int]:
    """Length of the agreeing run that ends at each column, at most `RUN_LIMIT`."""
    runs: list[int] = []
    for column in columns:
        runs.append(min((runs[-1] if runs else 0) + 1, RUN_LIMIT) if column.agrees else 0)
    return runs


def _settle_without_anchor(dispute: Dispute) -> Settlement:
    left, right = dispute.left, dispute.right
    core = dispute.core
    left_has = [word for word in left if core.start <= focus(word) <= core.end]
    right_has = [word for word in right if core.start <= focus(word) <= core.end]
    if left_has and right_has:
        return _settle_at_pause(dispute)
    if left_has or right_has:
        return _settle_one_sided(dispute, core, left_has or right_has)
    time = _cut_time(left, right, dispute.aim)
    return Settlement(_split_at(left, right, time), time, "silent")


def _settle_at_pause(dispute: Dispute) -> Settlement:
    """Both sides speak and share no word: cut in the widest pause near the aim, ask for help."""
    left, right = dispute.left, dispute.right
    if left and right and focus(left[-1]) <= focus(right[0]):
        return Settlement(left + right, dispute.aim, "uncertain", is_disputed=True)
    time = _pause_near(dispute)
    return Settlement(_split_at(left, right, time), time, "uncertain", is_disputed=True)


def _settle_one_sided(dispute: Dispute, core: Span, words: Sequence[Word]) -> Settlement:
    """Only one window has words here. They stay, unless the other detector hears none either."""
    is_left = words[0] in dispute.left
    time = core.end if is_left else _alone_from(dispute, core.start)
    if dispute.evidence is None:
        credible = sum(word.probability for word in words) / len(words) >= CREDIBLE
        status: SeamStatus = "voted" if credible else "uncertain"
        return Settlement(_split_at(dispute.left, dispute.right, time), time, status)
    if not any(is_heard(word, dispute.evidence) for word in words):
        time = core.start if is_left else core.end
    return Settlement(_split_at(dispute.left, dispute.right, time), time, "voted")


def _alone_from(dispute: Dispute, time: float) -> float:
    """Where the right window's words begin that nobody else wrote, `time` at the latest.

    A guard is not trusted because the other window hears better there. One that has stopped
    writing does not.
    """
    reached = max((word.end for word in dispute.left), default=float("-inf"))
    alone = [w.start for w in dispute.right if reached < focus(w) <= time]
    return max(reached, min(alone)) if alone else time


def _split_at(left: Sequence[Word], right: Sequence[Word], time: float) -> tuple[Word, ...]:
    """Left words before `time`, right words after; one that `time` cuts is rather said twice."""
    kept = [word for word in left if min(word.start, focus(word)) < time]
    return (*kept, *(word for word in right if max(focus(word), word.end) > time))


def _cut_time(left: Sequence[Word], right: Sequence[Word], aim: float) -> float:
    """`aim`, moved so that it separates the sides if they do not overlap in time."""
    if left and right and focus(left[-1]) <= focus(right[0]):
        return (focus(left[-1]) + focus(right[0])) / 2
    return aim


def _pause_near(dispute: Dispute) -> float:
    """Middle of the widest common pause in the core, near the aim if there are several."""
    core = dispute.core
    edges = sorted(
        (Span(word.start, max(word.end, word.start)) for word in dispute.left + dispute.right),
    )
    best, best_score = dispute.aim, float("-inf")
    reached = edges[0].end if edges else dispute.aim
    for span in edges:
        middle = (reached + span.start) / 2
        if span.start > reached and core.start <= middle <= core.end:
            score = (span.start - reached) - 0.1 * abs(middle - dispute.aim)
            if score > best_score:
                best, best_score = middle, score
        reached = max(reached, span.end)
    return best
