"""A long list kept small: blocks of values, compressed, unpacked one at a time as they are read.

Hours of speech have a hundred thousand words, of 350 bytes as objects and about 40 packed. Lives in
memory alone: nothing packed is ever written anywhere, and nothing from elsewhere is unpacked.
"""

from __future__ import annotations

import pickle
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, overload

T = TypeVar("T")

BLOCK = 256
FASTEST = 1  # of zlib's levels: the others save a tenth more and take thrice as long


class Packed(Sequence[T]):
    """A sequence that may grow. Equal to any sequence of equal values.

    `block`: so many values are packed together; what was added since the last block is not packed.
    Not to be read while it grows.
    """

    __hash__ = None  # type: ignore[assignment]  # it may grow

    def __init__(self, values: Iterable[T] = (), *, block: int = BLOCK) -> None:
        self._size = block
        self._blocks: list[bytes] = []
        self._starts: list[int] = []
        self._packed = 0
        self._loose: list[T] = []
        self.extend(values)
        self._pack()

    def append(self, value: T) -> None:
        self._loose.append(value)
        if len(self._loose) >= self._size:
            self._pack()

    def extend(self, values: Iterable[T]) -> None:
        for value in values:
            self.append(value)

    def __len__(self) -> int:
        return self._packed + len(self._loose)

    def __iter__(self) -> Iterator[T]:
        return self._from(0)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        if isinstance(place, slice):
            wanted = range(len(self))[place]
            if not wanted:
                return ()
            first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
            near = tuple(islice(self._from(first), last + 1 - first))
            return tuple(near[number - first] for number in wanted)
        return next(self._from(range(len(self))[place]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __repr__(self) -> str:
        return f"Packed({list(self)!r})"

    def _from(self, first: int) -> Iterator[T]:
        """The values from number `first` on; no more than one block of them unpacked."""
        if first < self._packed:
            block = bisect_right(self._starts, first) - 1
            skipped = first - self._starts[block]
            for packed in self._blocks[block:]:
                values: list[T] = pickle.loads(zlib.decompress(packed))
                yield from islice(values, skipped, None)
                skipped = 0
        yield from islice(self._loose, max(first - self._packed, 0), None)

    def _pack(self) -> None:
        if not self._loose:
            return
        packed = zlib.compress(pickle.dumps(self._loose, pickle.HIGHEST_PROTOCOL), FASTEST)
        self._starts.append(self._packed)
        self._blocks.append(packed)
        self._packed += len(self._loose)
        self._loose = []
