"""One seam: where the words of two windows that hear the same sound are joined.

The cut lies beside a word that both windows have, never inside a disagreement, so that it comes
whole from one side. Pairs of a monotone alignment are said once: nothing between two agreeing words
is lost or doubled. Asks for nothing and decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chunking.merging.disagreements import (
    CREDIBLE,
    Disagreement,
    SeamComparison,
    find_disagreements,
    has_evidence,
    overrules,
    word_boundary,
)
from chunking.merging.word_alignment import GUARD, TOLERANCE, Column, align
from chunking.spans import clip
from chunking.text.word_duration import extent, focus
from chunking.text.word_keys import Unit, to_units
from chunking.types import SeamStatus, Span, Word

RUN_LIMIT = 3
PAUSE_WEIGHT = 1.0
PAUSE_LIMIT = 1.0
DISTANCE_WEIGHT = 4.0
FEWEST_ANCHORS = 2
MOST_DISAGREEING_PER_ANCHOR = 2
AT_ONCE = TOLERANCE / 2
"""A lone word whose times lie farther apart than this may be two words, each lost by one side."""


@dataclass(frozen=True, slots=True)
class JoinedSeam:
    """The words on both sides of the cut at `time`, in order; `needs_repair` asks for a repair."""

    words: tuple[Word, ...]
    time: float
    status: SeamStatus
    agreeing_words: int = 0
    needs_repair: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Keep `left[:left_stop]` and `right[right_start:]`."""

    left_stop: int
    right_start: int
    time: float
    agreeing: int
    disagreeing: int
    tolerated: int = 0
    """How many words may disagree beside a lone agreement."""
    run: int = 0
    """Agreeing words in a row beside the cut, those outside of the region too."""
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def is_weak(self) -> bool:
        """One chance agreement among many disagreements is no anchor."""
        is_lone = max(self.agreeing, self.run) < FEWEST_ANCHORS
        return is_lone and self.disagreeing > self.tolerated


def join_at_seam(comparison: SeamComparison) -> JoinedSeam:
    """Join both sides: beside an agreeing word if there is one, else as carefully as possible."""
    cut = find_cut(comparison)
    if cut is None:
        return _join_without_anchor(comparison)
    if cut.is_weak:
        words = comparison.left[: cut.left_stop] + comparison.right[cut.right_start :]
        return JoinedSeam(words, cut.time, "uncertain", cut.agreeing, needs_repair=True)
    overruled = [
        disagreement for disagreement in cut.disagreements if overrules(disagreement, comparison)
    ]
    status: SeamStatus = "voted" if overruled else "agreed"
    return JoinedSeam(_join(comparison, cut, overruled), cut.time, status, cut.agreeing)


def _join(
    comparison: SeamComparison, cut: Cut, overruled: Sequence[Disagreement]
) -> tuple[Word, ...]:
    """Left before the cut, right after it, each other's words in the disagreements overruled."""
    before, after = (
        list(comparison.left[: cut.left_stop]),
        list(comparison.right[cut.right_start :]),
    )
    for disagreement in reversed(overruled):
        left, right = disagreement.left, disagreement.right
        if disagreement.is_before_cut:
            before[left.start : left.stop] = comparison.right[right.start : right.stop]
        else:
            behind = slice(right.start - cut.right_start, right.stop - cut.right_start)
            after[behind] = comparison.left[left.start : left.stop]
    return (*before, *after)


def find_cut(comparison: SeamComparison) -> Cut | None:
    """The best cut beside an agreeing word, or None where the sides share no word."""
    left = to_units(comparison.left, by_grapheme=comparison.by_grapheme)
    right = to_units(comparison.right, by_grapheme=comparison.by_grapheme)
    path = _Path(align(left, right, comparison.overlap), left, right, comparison)
    return path.best_cut()


class _Path:
    """An alignment with all places where it may be cut."""

    def __init__(
        self,
        columns: Sequence[Column],
        left: Sequence[Unit],
        right: Sequence[Unit],
        comparison: SeamComparison,
    ) -> None:
        self._columns = columns
        self._left = left
        self._right = right
        self._comparison = comparison
        self._half = max(comparison.overlap.duration / 2, GUARD / 2)
        core = comparison.core
        self._last_start = len(comparison.right) - comparison.trailing
        agreeing = [column for column in columns if column.agrees and self._is_inside(column)]
        self._agreeing = len(agreeing)
        self._tolerated = MOST_DISAGREEING_PER_ANCHOR * sum(map(self._is_at_once, agreeing))
        self._disagreeing = sum(
            not column.agrees and core.start <= self._middle(column) <= core.end
            for column in _told_by_both(columns)
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
        disagreements = find_disagreements(self._columns, self._left, self._right, best[1])
        return replace(best[2], disagreements=tuple(disagreements))

    def _cut_at(self, i: int, j: int, run: int) -> tuple[tuple[bool, float], Cut] | None:
        left_stop = word_boundary(self._left, i, len(self._comparison.left))
        right_start = word_boundary(self._right, j, len(self._comparison.right))
        if left_stop is None or right_start is None:
            return None
        if left_stop < self._comparison.leading or right_start > self._last_start:
            return None
        end = self._left[i - 1].end if i else None
        start = self._right[j].start if j < len(self._right) else None
        if end is None or start is None:
            time, pause = (end if end is not None else start), 0.0
            assert time is not None  # a boundary beside a column has a unit on one side
        else:
            time, pause = (end + start) / 2, max(start - end, 0.0)
        distance = (time - self._comparison.aim) / self._half
        score = run + PAUSE_WEIGHT * min(pause, PAUSE_LIMIT) - DISTANCE_WEIGHT * distance**2
        cut = Cut(
            left_stop,
            right_start,
            time,
            agreeing=self._agreeing,
            disagreeing=self._disagreeing,
            tolerated=self._tolerated,
            run=run,
        )
        return (not cut.is_weak, score), cut

    def _is_inside(self, column: Column) -> bool:
        """Whether no side has `column` outside of the region."""
        left, right = column.left, column.right
        return (left is None or self._left[left].first >= self._comparison.leading) and (
            right is None or self._right[right].first < self._last_start
        )

    def _is_at_once(self, column: Column) -> bool:
        """Whether both sides begin or end the word of `column`, or have its middle, at about the
        same time: before a pause an end may be late, behind one a start early."""
        assert column.left is not None  # it agrees
        assert column.right is not None
        left, right = self._left[column.left], self._right[column.right]
        apart = (right.start - left.start, right.middle - left.middle, right.end - left.end)
        return min(map(abs, apart)) <= AT_ONCE

    def _middle(self, column: Column) -> float:
        if column.left is not None:
            return self._left[column.left].middle
        assert column.right is not None  # a column has at least one side
        return self._right[column.right].middle


def _told_by_both(columns: Sequence[Column]) -> Sequence[Column]:
    """From the right side's first word to the left side's last: beyond, one has nothing to say."""
    begun = next((place for place, c in enumerate(columns) if c.right is not None), len(columns))
    ended = max((place + 1 for place, c in enumerate(columns) if c.left is not None), default=0)
    return columns[begun:ended]


def _runs(columns: Sequence[Column]) -> list[int]:
    """Length of the agreeing run that ends at each column, at most `RUN_LIMIT`."""
    runs: list[int] = []
    for column in columns:
        runs.append(min((runs[-1] if runs else 0) + 1, RUN_LIMIT) if column.agrees else 0)
    return runs


def _join_without_anchor(comparison: SeamComparison) -> JoinedSeam:
    left, right = comparison.left, comparison.right
    core = comparison.core
    left_has = [word for word in left if core.start <= focus(word) <= core.end]
    right_has = [word for word in right if core.start <= focus(word) <= core.end]
    if (left_has and right_has) or _contradict(comparison):
        return _join_at_pause(comparison)
    if left_has or right_has:
        return _join_one_sided(comparison, core, left_has or right_has)
    time = _cut_time(left, right, comparison.aim)
    return JoinedSeam(_split_at(left, right, time), time, "silent")


def _contradict(comparison: SeamComparison) -> bool:
    """Whether different words are said at the same time: one outside of a guard, or several.

    A pause may fill the core and leave all words to the guards; a single one there is what an edge
    made of a word. Words that the second detector does not hear contradict nobody.
    """
    left, right = (
        [w for w in side if comparison.evidence is None or has_evidence(w, comparison.evidence)]
        for side in (comparison.left, comparison.right)
    )
    core = comparison.core
    for words, others in ((left, right), (right, left)):
        met = [word for word in words if any(_are_at_once(word, other) for other in others)]
        several = len({(word.window, word.index) for word in met}) >= FEWEST_ANCHORS
        if several or any(core.start <= focus(word) <= core.end for word in met):
            return True
    return False


def _are_at_once(one: Word, other: Word) -> bool:
    """Whether both can have been spoken at the same time."""
    return bool(clip([extent(one)], extent(other)))


def _join_at_pause(comparison: SeamComparison) -> JoinedSeam:
    """Both sides speak and share no word: cut in the widest pause near the aim, ask for help."""
    left, right = comparison.left, comparison.right
    if left and right and focus(left[-1]) <= focus(right[0]):
        return JoinedSeam(left + right, comparison.aim, "uncertain", needs_repair=True)
    time = _pause_near(comparison)
    return JoinedSeam(_split_at(left, right, time), time, "uncertain", needs_repair=True)


def _join_one_sided(comparison: SeamComparison, core: Span, words: Sequence[Word]) -> JoinedSeam:
    """Only one window has words here. They stay, unless the other detector hears none either."""
    is_left = words[0] in comparison.left
    time = core.end if is_left else _alone_from(comparison, core.start)
    if comparison.evidence is None:
        credible = sum(word.probability for word in words) / len(words) >= CREDIBLE
        status: SeamStatus = "voted" if credible else "uncertain"
        return JoinedSeam(_split_at(comparison.left, comparison.right, time), time, status)
    if not any(has_evidence(word, comparison.evidence) for word in words):
        time = core.start if is_left else core.end
    return JoinedSeam(_split_at(comparison.left, comparison.right, time), time, "voted")


def _alone_from(comparison: SeamComparison, time: float) -> float:
    """Where the right window's words begin that nobody else wrote, `time` at the latest.

    A guard is not trusted because the other window hears better there. One that has stopped
    writing does not.
    """
    reached = max((word.end for word in comparison.left), default=float("-inf"))
    alone = [w.start for w in comparison.right if reached < focus(w) <= time]
    return max(reached, min(alone)) if alone else time


def _split_at(left: Sequence[Word], right: Sequence[Word], time: float) -> tuple[Word, ...]:
    """Left words before `time`, right words after; one that `time` cuts is rather said twice."""
    kept = [word for word in left if min(word.start, focus(word)) < time]
    return (*kept, *(word for word in right if max(focus(word), word.end) > time))


def _cut_time(left: Sequence[Word], right: Sequence[Word], aim: float) -> float:
    """`aim`, moved so that it separates the sides if they do not overlap in time.

    Where one side has no words at all, the other one's all stay: nobody disputes them.
    """
    if left and right and focus(left[-1]) <= focus(right[0]):
        return (focus(left[-1]) + focus(right[0])) / 2
    if not left:
        return min([aim, *(min(word.start, focus(word)) for word in right[:1])])
    if not right:
        return max([aim, *(max(word.end, focus(word)) for word in left[-1:])])
    return aim


def _pause_near(comparison: SeamComparison) -> float:
    """Middle of the widest common pause in the core, near the aim if there are several."""
    core = comparison.core
    edges = sorted(
        (
            Span(word.start, max(word.end, word.start))
            for word in comparison.left + comparison.right
        ),
    )
    best, best_score = comparison.aim, float("-inf")
    reached = edges[0].end if edges else comparison.aim
    for span in edges:
        middle = (reached + span.start) / 2
        if span.start > reached and core.start <= middle <= core.end:
            score = (span.start - reached) - 0.1 * abs(middle - comparison.aim)
            if score > best_score:
                best, best_score = middle, score
        reached = max(reached, span.end)
    return best
