"""Windows between the scheduler and a slot: their prefill runs beside the steps of the others.

Fills no slot, and asks the device for nothing that it has not done yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic

from decoding.device.side_stream import Mark, SideStream
from decoding.engine.prefill import EncodedWindows, Key, Prefiller, PrefillResult, WindowRequest
from decoding.model.loaded_model import LoadedModel


@dataclass(slots=True, eq=False)
class _Group(Generic[Key]):
    """Requests that are prefilled in one call, and how far that is."""

    encoded: EncodedWindows[Key]
    wanted: list[WindowRequest[Key]]
    mark: Mark
    results: list[PrefillResult[Key]] | None = None  # once their prompts are queued


class PrefillQueue(Generic[Key]):
    """Those being prefilled, at most `at_once` in one call, on the `side_stream`."""

    def __init__(self, model: LoadedModel, at_once: int, side_stream: SideStream) -> None:
        self._prefiller = Prefiller(model)
        self._at_once = at_once
        self._side_stream = side_stream
        self._groups: list[_Group[Key]] = []
        self._ready: list[PrefillResult[Key]] = []  # for whom there was no slot yet

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[Key]:
        results = [one.request.key for one in self._ready]
        return results + [one.key for group in self._groups for one in group.wanted]

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Forget some. A group's prefill goes on as long as one of it is wanted."""
        self._ready = [one for one in self._ready if not is_unwanted(one.request.key)]
        for group in self._groups:
            group.wanted = [one for one in group.wanted if not is_unwanted(one.key)]
        self._groups = [group for group in self._groups if group.wanted]

    def start(self, requests: Sequence[WindowRequest[Key]]) -> None:
        for first in range(0, len(requests), self._at_once):
            part = requests[first : first + self._at_once]
            encoded = self._side_stream.run(partial(self._prefiller.encode, part))
            group = _Group(encoded, list(part), self._side_stream.mark())
            self._groups.append(group)
            if encoded.languages is None:  # nothing to learn from the device before the prompts
                self._read_prompts(group)

    def ready(self, free: int, *, wait: bool) -> list[PrefillResult[Key]]:
        """Those whose prefill is over, in order; they are here no longer. Of those that want a slot
        as many as are free. `wait`: until at least one group's prefill is over, if there is any."""
        self._ready += self._just_finished(wait=wait and not self._ready)
        running = [one for one in self._ready if one.prefilled is not None][:free]
        leaving = [one for one in self._ready if one.prefilled is None or one in running]
        self._ready = [one for one in self._ready if one not in leaving]
        return leaving

    def _just_finished(self, *, wait: bool) -> list[PrefillResult[Key]]:
        over: list[_Group[Key]] = []
        for group in self._groups:
            if self._is_over(group, wait=wait and not over):
                over.append(group)
        self._groups = [group for group in self._groups if group not in over]
        results = [
            one for group in over for one in group.results or () if one.request in group.wanted
        ]
        for one in results:
            if one.prefilled is not None:
                self._side_stream.hand_over(one.prefilled.tensors())
        return results

    def _is_over(self, group: _Group[Key], *, wait: bool) -> bool:
        if not _is_passed(group.mark, wait=wait):
            return False
        if group.results is None:
            self._read_prompts(group)
        return _is_passed(group.mark, wait=wait)

    def _read_prompts(self, group: _Group[Key]) -> None:
        group.results = self._side_stream.run(partial(self._prefiller.prompt, group.encoded))
        group.mark = self._side_stream.mark()


def _is_passed(mark: Mark, *, wait: bool) -> bool:
    if wait:
        mark.wait()
    return mark.is_passed()
