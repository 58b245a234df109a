"""Newcomers between the queue and a slot: they are heard beside the steps of those seated.

Seats nobody, and asks the device for nothing that it has not done yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic

from decoding.device.side_stream import Beside, Mark
from decoding.engine.prefill import Ear, Heard, Key, Newcomer, Sounds
from decoding.model.loaded_model import LoadedModel


@dataclass(slots=True, eq=False)
class _Group(Generic[Key]):
    """Newcomers that are heard in one call, and how far that is."""

    sounds: Sounds[Key]
    wanted: list[Newcomer[Key]]
    mark: Mark
    heard: list[Heard[Key]] | None = None  # once their prompts are queued


class Arrivals(Generic[Key]):
    """Those being heard, at most `at_once` in one call; where the work is done, is `beside`'s."""

    def __init__(self, model: LoadedModel, at_once: int, beside: Beside) -> None:
        self._ear = Ear(model)
        self._at_once = at_once
        self._beside = beside
        self._groups: list[_Group[Key]] = []
        self._heard: list[Heard[Key]] = []  # for whom there was no slot yet

    def __len__(self) -> int:
        return len(self.keys())

    def keys(self) -> list[Key]:
        heard = [one.newcomer.key for one in self._heard]
        return heard + [one.key for group in self._groups for one in group.wanted]

    def drop(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Forget some. A group is heard to its end as long as one of it is wanted."""
        self._heard = [one for one in self._heard if not is_unwanted(one.newcomer.key)]
        for group in self._groups:
            group.wanted = [one for one in group.wanted if not is_unwanted(one.key)]
        self._groups = [group for group in self._groups if group.wanted]

    def start(self, newcomers: Sequence[Newcomer[Key]]) -> None:
        for first in range(0, len(newcomers), self._at_once):
            part = newcomers[first : first + self._at_once]
            sounds = self._beside.run(partial(self._ear.hear, part))
            group = _Group(sounds, list(part), self._beside.mark())
            self._groups.append(group)
            if sounds.languages is None:  # nothing to learn from the device before the prompts
                self._read_prompts(group)

    def ready(self, free: int, *, wait: bool) -> list[Heard[Key]]:
        """Those who have been heard, in order; they are here no longer. Of those that want a slot
        as many as are free. `wait`: until at least one group has been heard, if there is any."""
        self._heard += self._just_heard(wait=wait and not self._heard)
        seated = [one for one in self._heard if one.listened is not None][:free]
        leaving = [one for one in self._heard if one.listened is None or one in seated]
        self._heard = [one for one in self._heard if one not in leaving]
        return leaving

    def _just_heard(self, *, wait: bool) -> list[Heard[Key]]:
        over: list[_Group[Key]] = []
        for group in self._groups:
            if self._is_over(group, wait=wait and not over):
                over.append(group)
        self._groups = [group for group in self._groups if group not in over]
        heard = [one for group in over for one in group.heard or () if one.newcomer in group.wanted]
        for one in heard:
            if one.listened is not None:
                self._beside.hand_over(one.listened.tensors())
        return heard

    def _is_over(self, group: _Group[Key], *, wait: bool) -> bool:
        if not _is_passed(group.mark, wait=wait):
            return False
        if group.heard is None:
            self._read_prompts(group)
        return _is_passed(group.mark, wait=wait)

    def _read_prompts(self, group: _Group[Key]) -> None:
        group.heard = self._beside.run(partial(self._ear.prompt, group.sounds))
        group.mark = self._beside.mark()


def _is_passed(mark: Mark, *, wait: bool) -> bool:
    if wait:
        mark.wait()
    return mark.is_passed()
