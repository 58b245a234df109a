"""Arithmetic of spans: union, difference, intersection. Knows nothing of words or windows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from chunking.types import Span


def unite(spans: Iterable[Span], *, bridge: float = 0.0) -> tuple[Span, ...]:
    """Sorted, disjoint spans that cover `spans`; gaps of at most `bridge` seconds are closed."""
    united: list[Span] = []
    for span in sorted(_joined(spans)):
        if united and span.start <= united[-1].end + bridge:
            if span.end > united[-1].end:
                united[-1] = Span(united[-1].start, span.end)
        else:
            united.append(span)
    return tuple(united)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """The same stretches in fewer spans, where one begins in the one before it: most words do."""
    last: Span | None = None
    for span in spans:
        if last is not None and last.start <= span.start <= last.end:
            last = Span(last.start, max(last.end, span.end))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def clip(spans: Sequence[Span], bounds: Span) -> tuple[Span, ...]:
    """The parts of sorted, disjoint `spans` inside `bounds`; found by bisection."""
    first = bisect_right(spans, bounds.start, key=lambda span: span.end)
    last = bisect_left(spans, bounds.end, lo=first, key=lambda span: span.start)
    return tuple(
        Span(max(span.start, bounds.start), min(span.end, bounds.end)) for span in spans[first:last]
    )


def subtract(spans: Sequence[Span], holes: Sequence[Span]) -> tuple[Span, ...]:
    """What is left of sorted, disjoint `spans` without sorted, disjoint `holes`; linear time."""
    left: list[Span] = []
    position = 0
    for span in spans:
        start = span.start
        while position < len(holes) and holes[position].end <= start:
            position += 1
        ahead = position
        while ahead < len(holes) and holes[ahead].start < span.end:
            if holes[ahead].start > start:
                left.append(Span(start, holes[ahead].start))
            start = max(start, holes[ahead].end)
            ahead += 1
        if start < span.end:
            left.append(Span(start, span.end))
    return tuple(left)


def intersect(spans: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """What sorted, disjoint `spans` and sorted, disjoint `others` share, sorted and disjoint."""
    return tuple(part for span in spans for part in clip(others, span))


def gaps(spans: Sequence[Span], bounds: Span) -> tuple[Span, ...]:
    """What sorted, disjoint `spans` leave open of `bounds`."""
    return subtract((bounds,), spans) if bounds.duration > 0 else ()


def total(spans: Iterable[Span]) -> float:
    """Seconds of disjoint `spans` together."""
    return sum(span.duration for span in spans)


def widen(spans: Iterable[Span], by: float) -> tuple[Span, ...]:
    """Disjoint spans, each longer by `by` seconds at both ends (never before zero)."""
    return unite(Span(max(span.start - by, 0.0), span.end + by) for span in spans)
