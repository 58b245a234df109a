"""The clips that a worker has taken from the queue, as the worker sees them.

A clip goes to one worker at a time, under the next generation; answers of an earlier one are not
written. Callers take turns: of each the clips that are with workers count first. What was with a
worker that died is suspect: it goes to a worker that has nothing else, one recording at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from app.storage.asked_clips import answers_for
from app.storage.clip_codecs import decode_request, encode_card, encode_outcome
from app.storage.clip_queue import FOR_WORKERS, NO_OUTCOME, NOW, ClipQueue, EngineKind, tell
from app.storage.clip_tables import clips, workers
from decoding.errors import EngineFailed
from decoding.types import Clip, Decoded, DecodingOptions, ModelCard

UNREADABLE = EngineFailed("what was asked cannot be read")
AHEAD = 2  # times its slots a worker has in hand, when no other worker has a slot free
_FIRST = (clips.c.windows_left, clips.c.start, clips.c.asker, clips.c.number)
_PLACES = "SELECT * FROM unnest(%s::text[], %s::bigint[])"
_SAMPLES = f"SELECT asker, number, samples FROM {clips.name} WHERE (asker, number) IN ({_PLACES})"


@dataclass(frozen=True, slots=True)
class ClipKey:
    """A clip as it was given to one worker."""

    asker: str
    number: int
    generation: int


@dataclass(frozen=True, slots=True, eq=False)
class TakenClip:
    """A clip to decode; a suspect with nothing beside it but others of its recording."""

    key: ClipKey
    clip: Clip
    options: DecodingOptions
    is_suspect: bool


class TakenClips(ClipQueue):
    """The clips of one worker, whose engine has `card` and `slots`."""

    def __init__(self, url: str, name: str, kind: EngineKind, lease_seconds: float) -> None:
        super().__init__(url, name, kind, lease_seconds)
        self._mine = sa.and_(clips.c.worker == name, NO_OUTCOME)

    def announce(self, card: ModelCard, slots: int) -> bool:
        """Hold the lease from now on; False when it had to be taken anew."""
        with self._engine.begin() as connection:
            return self._announce(connection, card, slots)

    def take(self, card: ModelCard, slots: int, in_hand: int) -> list[TakenClip]:
        """Clips to decode beside the `in_hand` that are here; suspects alone if there are any."""
        with self._engine.begin() as connection:
            look = connection.execute(self._looked()).one()
            if not look.waiting:
                return []
            self._announce(connection, card, slots)  # or they would be a dead worker's
            taken = connection.execute(self._suspects(slots)).all()
            if not taken:
                now = max(slots - in_hand, 0)
                ahead = min(AHEAD * slots - in_hand - now, look.waiting - now - look.free)
                chosen = self._chosen(now + max(ahead, 0))
                taken = connection.execute(chosen).all()
            samples = _samples(connection, [(row.asker, row.number) for row in taken])
            rows = sorted(taken, key=lambda row: (row.windows_left, row.start, row.number))
            found: list[TakenClip] = []
            for row in rows:
                try:
                    found.append(_taken(row, samples[row.asker, row.number]))
                except ValueError:  # nobody could
                    outcome = encode_outcome(UNREADABLE)
                    connection.execute(self._of([_key(row)]).values(outcome=outcome))
            return found

    def begin_alone(self, keys: Collection[ClipKey]) -> None:
        """Nothing else is decoded here from now on: a death counts as theirs."""
        with self._engine.begin() as connection:
            begun = self._of(keys).values(is_alone=True)
            connection.execute(begun)

    def answer(self, outcomes: Mapping[ClipKey, Decoded | Exception]) -> None:
        """Write what came of clips, where they are still ours, and tell those who asked."""
        rows = [
            {**_place(key), "what": encode_outcome(outcome)} for key, outcome in outcomes.items()
        ]
        place = [clips.c[name] == sa.bindparam(f"its_{name}") for name in _COLUMNS]
        written = sa.update(clips).where(self._mine, *place).values(outcome=sa.bindparam("what"))
        with self._engine.begin() as connection:
            connection.execute(written, rows)
            for asker in sorted({key.asker for key in outcomes}):
                tell(connection, answers_for(asker))

    def give_back(self, keys: Collection[ClipKey]) -> None:
        """Let another worker have these."""
        with self._engine.begin() as connection:
            connection.execute(self._of(keys).values(worker=None, is_alone=False))
            tell(connection, FOR_WORKERS)

    def held(self) -> set[ClipKey]:
        """Those that are ours: what is not there was cancelled, or given to another."""
        query = sa.select(*(clips.c[name] for name in _COLUMNS)).where(self._mine)
        with self._engine.connect() as connection:
            return {ClipKey(*row) for row in connection.execute(query)}

    def give_up(self) -> None:
        """The lease is over, and others may have our clips."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(workers).where(workers.c.id == self._name))
            ours = sa.update(clips).where(self._mine)
            connection.execute(ours.values(worker=None, is_alone=False))
            tell(connection, FOR_WORKERS)

    def _announce(self, connection: sa.Connection, card: ModelCard, slots: int) -> bool:
        told = {"until": NOW + self._lease, "card": encode_card(card), "slots": slots}
        renewed = sa.update(workers).where(workers.c.id == self._name).values(**told)
        if connection.execute(renewed).rowcount:
            return True
        kind = {"model": self._kind.model, "release": self._kind.release}
        connection.execute(sa.insert(workers).values(id=self._name, **kind, **told))
        return False

    @property
    def _is_waiting(self) -> sa.ColumnElement[bool]:
        return sa.and_(self._kind.has(clips), clips.c.worker.is_(None), NO_OUTCOME)

    def _looked(self) -> sa.Select[tuple[int, int]]:
        """How many clips wait, and how many slots of other workers are free."""
        at_work = (
            sa.select(sa.func.count())
            .where(clips.c.worker == workers.c.id, NO_OUTCOME)
            .scalar_subquery()
        )
        others = sa.and_(self._kind.has(workers), workers.c.id != self._name, workers.c.until > NOW)
        free = sa.func.sum(sa.func.greatest(workers.c.slots - at_work, 0))
        waiting = sa.select(sa.func.count()).select_from(clips).where(self._is_waiting)
        return sa.select(
            waiting.scalar_subquery().label("waiting"),
            sa.select(sa.func.coalesce(free, 0)).where(others).scalar_subquery().label("free"),
        )

    def _suspects(self, limit: int) -> Any:
        """Those of the recording that is first."""
        is_suspect = sa.and_(self._is_waiting, clips.c.is_suspect)
        first = sa.select(clips.c.asker, clips.c.group).where(is_suspect).order_by(*_FIRST).limit(1)
        of_it = sa.tuple_(clips.c.asker, clips.c.group).in_(first)
        places = sa.select(clips.c.asker, clips.c.number).where(is_suspect, of_it)
        return self._given(places.order_by(*_FIRST).limit(limit))

    def _chosen(self, limit: int) -> Any:
        """Callers in turn."""
        turns = (
            sa.func.row_number()
            .over(partition_by=clips.c.caller, order_by=(clips.c.worker.is_(None), *_FIRST))
            .label("turn")
        )
        open_clips = sa.and_(self._kind.has(clips), NO_OUTCOME)
        ranked = sa.select(clips.c.asker, clips.c.number, turns).where(open_clips).subquery()
        same = sa.and_(ranked.c.asker == clips.c.asker, ranked.c.number == clips.c.number)
        places = sa.select(clips.c.asker, clips.c.number).join(ranked, same)
        places = places.where(self._is_waiting, sa.not_(clips.c.is_suspect))
        return self._given(places.order_by(ranked.c.turn, *_FIRST).limit(limit))

    def _given(self, places: sa.Select[tuple[str, int]]) -> Any:
        """Make these ours; what others take at this moment is passed over."""
        chosen = places.with_for_update(skip_locked=True, of=clips).cte("chosen")
        is_chosen = sa.tuple_(clips.c.asker, clips.c.number).in_(sa.select(chosen))
        taken = sa.update(clips).where(is_chosen)
        values = {"worker": self._name, "generation": clips.c.generation + 1}
        columns = (column for column in clips.c if column.name not in {"samples", "outcome"})
        return taken.values(**values).returning(*columns)

    def _of(self, keys: Collection[ClipKey]) -> sa.Update:
        """Those of these clips that are still ours."""
        places = [(key.asker, key.number, key.generation) for key in keys]
        place = sa.tuple_(*(clips.c[name] for name in _COLUMNS))
        return sa.update(clips).where(self._mine, place.in_(places))


_COLUMNS = ("asker", "number", "generation")


def _place(key: ClipKey) -> dict[str, str | int]:
    return {f"its_{name}": getattr(key, name) for name in _COLUMNS}


def _samples(
    connection: sa.Connection, places: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], bytes]:
    """Read as they are: written out as text they would take ten times as long."""
    askers, numbers = [asker for asker, _ in places], [number for _, number in places]
    with closing(connection.connection.cursor(binary=True)) as cursor:
        cursor.execute(_SAMPLES, (askers, numbers))
        return {(asker, number): samples for asker, number, samples in cursor.fetchall()}


def _key(row: Any) -> ClipKey:
    return ClipKey(row.asker, row.number, row.generation)


def _taken(row: Any, samples: bytes) -> TakenClip:
    request = decode_request(row.request)
    clip = Clip(
        np.frombuffer(samples, request.dtype).astype(request.dtype[1:], copy=False),
        group=f"{row.asker} {row.group}",
        caller=row.caller,
        windows_left=row.windows_left,
        start=row.start,
        seed=request.seed,
        expected=request.expected,
    )
    return TakenClip(_key(row), clip, request.options, row.is_suspect)
