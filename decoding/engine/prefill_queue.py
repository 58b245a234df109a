"""Windows between the scheduler and a slot: their prefill runs beside the steps of the others.

Fills no slot, and asks the device for nothing that it has not done yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from decoding.device.cuda_graphs import in_parts
from decoding.device.side_stream import Mark, SideStream
from decoding.engine.prefill import EncodedWindows, Prefiller
from decoding.engine.slots import SlotGroup
from decoding.engine.window_request import Phase, WindowRequest


@dataclass(slots=True, eq=False)
class _Group:
    """Requests that are prefilled in one call, and how far that is."""

    encoded: EncodedWindows
    mark: Mark
    inside: dict[WindowRequest, int]  # those who still have the places that they were given
    has_prompts: bool = False  # they are queued, after the encoder

    def leave(self, requests: Sequence[WindowRequest]) -> None:
        if requests:
            self.encoded.slot_group.leave([self.inside.pop(one) for one in requests])


class PrefillQueue:
    """Those being prefilled, at most `at_once` in one call, on the `side_stream`."""

    def __init__(
        self,
        prefiller: Prefiller,
        at_once: int,
        side_stream: SideStream,
        group_of: Callable[[WindowRequest], SlotGroup],
    ) -> None:
        self._prefiller = prefiller
        self._at_once = at_once
        self._side_stream = side_stream
        self._group_of = group_of
        self._groups: list[_Group] = []

    def forget_dropped(self) -> None:
        """A group's prefill goes on as long as one of it is wanted; who is not, leaves."""
        for group in self._groups:
            group.leave([one for one in group.inside if one.phase is Phase.DROPPED])
        self._groups = [group for group in self._groups if group.inside]

    def start(self, requests: Sequence[WindowRequest]) -> None:
        """Those of one width of slots are prefilled together; each has its place from now on."""
        alike: dict[SlotGroup, list[WindowRequest]] = {}
        for one in requests:
            one.phase = Phase.PREFILL
            alike.setdefault(self._group_of(one), []).append(one)
        for slot_group, some in alike.items():
            for part in in_parts(some, self._prefiller.runner, self._at_once):
                self._start_together(part, slot_group)

    def _start_together(self, requests: Sequence[WindowRequest], slot_group: SlotGroup) -> None:
        places = [slot_group.reserve() for _ in requests]
        work = partial(self._prefiller.encode, requests, slot_group, places)
        encoded = self._side_stream.run(work)
        group = _Group(encoded, self._side_stream.mark(), dict(zip(requests, places, strict=True)))
        self._groups.append(group)
        if encoded.languages is None:  # nothing to learn from the device before the prompts
            self._read_prompts(group)

    def ready(self, *, wait: bool) -> list[WindowRequest]:
        """Those whose prefill is over, in order; they are here no longer. `wait`: until at least
        one group's prefill is over, if there is any."""
        over: list[_Group] = []
        for group in self._groups:
            if self._is_over(group, wait=wait and not over):
                over.append(group)
        self._groups = [group for group in self._groups if group not in over]
        for group in over:  # who only wanted to know its language
            group.leave([one for one in group.inside if one.prefilled is None])
        return [
            one for group in over for one in group.encoded.requests if one.phase is Phase.PREFILL
        ]

    def _is_over(self, group: _Group, *, wait: bool) -> bool:
        if not _is_passed(group.mark, wait=wait):
            return False
        if not group.has_prompts:
            self._read_prompts(group)
        return _is_passed(group.mark, wait=wait)

    def _read_prompts(self, group: _Group) -> None:
        self._side_stream.run(partial(self._prefiller.prompt, group.encoded))
        group.has_prompts, group.mark = True, self._side_stream.mark()


def _is_passed(mark: Mark, *, wait: bool) -> bool:
    if wait:
        mark.wait()
    return mark.is_passed()
