"""Turns with a small process that counts what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runner import RunProgress
from benchmarks.speed.processor.turns import (
    Opening,
    Turn,
    missing,
    open_process,
    take_turns,
)
from benchmarks.worker_process import WorkFailed

QUIET = RunProgress()


class Counting:
    """A worker's outside without a process: tells what it was asked, and how often before."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name, self._log, self._asked = name, log, 0

    def ask(self, asked: Any) -> dict[str, Any]:
        if asked == "stumble":
            raise WorkFailed("it stumbled")
        self._asked += 1
        self._log.append(f"{self._name} {asked}")
        return {"asked": asked, "times": self._asked, "error": "bad" if asked == "bad" else None}

    def kill(self) -> None:
        self._log.append(f"{self._name} killed")

    def close(self) -> None:
        self._log.append(f"{self._name} closed")


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def start(log: list[str]):
    def start(opening: Opening) -> Counting:
        if opening.work["name"] == "absent":
            raise WorkFailed("it is not there")
        log.append(f"{opening.work['name']} opened")
        return Counting(opening.work["name"], log)

    return start


def turn(name: str, asked: str, number: int = 0, **more: Any) -> Turn:
    return Turn(name, asked, Opening("a:b", {"name": name}), asked, number, **more)


def test_a_process_lives_from_its_first_turn_to_its_last(tmp_path: Path, start, log) -> None:
    turns = [turn("one", "a"), turn("two", "a"), turn("one", "b"), turn("two", "b")]
    answers = take_turns(turns, tmp_path, QUIET, start=start)
    assert [answer.row["times"] for answer in answers if answer.row] == [1, 1, 2, 2]
    assert log == [
        *("one opened", "one a", "two opened", "two a"),
        *("one b", "one closed", "two b", "two closed"),
    ]


def test_what_was_cut_off_goes_on_where_it_was(tmp_path: Path, start, log) -> None:
    @contextmanager
    def interrupted() -> Iterator[None]:
        raise KeyboardInterrupt
        yield

    turns = [turn("one", "a"), turn("one", "a", 1, beside=interrupted), turn("one", "b")]
    with pytest.raises(KeyboardInterrupt):
        take_turns(turns, tmp_path, QUIET, start=start)
    assert log[-2:] == ["one killed", "one closed"]
    log.clear()
    turns = [turn("one", "a"), turn("one", "a", 1), turn("one", "b")]
    assert missing(turns, tmp_path) == 2
    answers = take_turns(turns, tmp_path, QUIET, start=start)
    assert log == ["one opened", "one a", "one b", "one closed"]
    assert [answer.row["asked"] for answer in answers if answer.row] == ["a", "a", "b"]
    log.clear()
    assert take_turns(turns, tmp_path, QUIET, start=start) == answers
    assert log == []


def test_what_stumbles_costs_nobody_else_anything(tmp_path: Path, start) -> None:
    turns = [
        *(turn("absent", "a"), turn("one", "a"), turn("two", "stumble")),
        *(turn("absent", "b"), turn("one", "bad"), turn("two", "b"), turn("one", "b")),
    ]
    answers = take_turns(turns, tmp_path, QUIET, start=start)
    assert [answer.problem for answer in answers] == [
        *("it is not there", None, "it stumbled"),
        *("it is not there", "bad", "it stumbled", None),
    ]
    assert missing(turns, tmp_path) == 5  # what failed is tried again


def test_other_facts_or_another_round_are_another_measurement(tmp_path: Path) -> None:
    opening = Opening("a:b", {"name": "one"})
    names = {
        Turn("one", "a", opening, "a").file_name,
        Turn("one", "a", opening, "a", 1).file_name,
        Turn("one", "b", opening, "a").file_name,
        Turn("one", "a", Opening("a:b", {"name": "one"}, facts={"torch": "3"}), "a").file_name,
        Turn("one", "a", Opening("a:b", {"name": "one"}, {"THREADS": "2"}), "a").file_name,
    }
    assert len(names) == 5
    assert opening.entering(lambda pid: None).key == opening.key


def test_a_process_is_shown_before_anything_is_opened_in_it(tmp_path: Path, speech_server) -> None:
    shown: list[int] = []
    spec = {"kind": speech_server, "model": "any"}
    work = {"spec": spec, "sound_folder": str(tmp_path), "warm_up": False}
    opening = Opening("benchmarks.measurement:Measurement", work).entering(shown.append)
    worker = open_process(opening)
    assert shown == [worker.pid]
    worker.close()
    lacking = Opening("benchmarks.measurement:Measurement", {**work, "spec": {"kind": "whisperx"}})
    with pytest.raises(WorkFailed, match="whisperx"):
        open_process(lacking)
