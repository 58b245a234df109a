"""The clips of a service without a database, which may fall silent."""

from __future__ import annotations

import threading
from typing import Any

from app.storage.asked_clips import WorkerCard
from tests.decoding.fakes import CARD

PATIENCE = 60.0


class PlantedClips:
    """Answers as the database would, without one; while it is silent, it does not answer at all."""

    channel = "answers"

    def __init__(self) -> None:
        self.is_silent = False
        self.speaks = threading.Event()
        self.asked: list[Any] = []
        self.dropped: set[int] = set()

    def _wait(self) -> None:
        if self.is_silent:
            self.speaks.wait(PATIENCE)

    def workers(self) -> list[WorkerCard]:
        return [WorkerCard(CARD, 1)]

    def renew(self) -> bool:
        self._wait()
        return True

    def take_over(self) -> list[str]:
        return []

    def put(self, asked) -> None:
        self.asked += asked
        self._wait()

    def collect(self):
        self._wait()
        return []

    def numbers(self) -> set[int]:
        self._wait()
        return {one.number for one in self.asked}

    def drop(self, numbers) -> None:
        self.dropped |= set(numbers)

    def listen(self, _channel, _heard, stopping) -> None:
        stopping.wait(PATIENCE)

    def give_up(self) -> None:
        """Nothing is there."""

    def close(self) -> None:
        """Nothing is open."""
