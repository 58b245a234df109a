from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evaluation import duel, evaluate, evaluate_file, macro_average, summary
from benchmarks.formats.types import TimedWord
from benchmarks.items import AudioPart, Item
from benchmarks.normalizers import normalizer_named
from benchmarks.peers.types import PeerTranscript
from benchmarks.records import FileRecord, SystemRecord

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
ITEM = Item(
    "a",
    (AudioPart(Path("a.wav")),),
    " ".join(WORDS),
    words=tuple(TimedWord(w, 20.0 * n, 20.0 * n + 5) for n, w in enumerate(WORDS)),
)
EMPTY = Item("noise", (AudioPart(Path("n.wav")),), "")


def system(name: str, text: str, **facts) -> SystemRecord:
    heard = FileRecord(ITEM, 160.0, PeerTranscript(text, **facts), seconds=16.0, memory_bytes=7)
    noise = FileRecord(EMPTY, 60.0, PeerTranscript("thank you"), seconds=4.0, memory_bytes=9)
    failed = FileRecord(Item("b", ITEM.parts, "x"), 0.0, error="RuntimeError: no")
    return SystemRecord(name, {}, {}, (heard, noise, failed))


def test_figures_of_a_system() -> None:
    found = evaluate(system("s", "one two tree four five six eight", seams=(41.0,)), "none")
    figures = summary(found)
    assert (figures["substitutions"], figures["deletions"], figures["insertions"]) == (1, 1, 2)
    assert figures["wer"] == pytest.approx(4 / 8)
    assert figures["failed"] == 1
    assert figures["real_time_factor"] == pytest.approx(20 / 220)
    assert figures["memory_bytes"] == 9
    assert figures["words_per_minute_without_speech"] == pytest.approx(2.0)
    assert found.no_speech.recordings_with_words == 1
    assert found.interval is not None


def test_errors_have_a_place() -> None:
    record = system("s", "one two tree four five six eight", seams=(41.0,)).files[0]
    file = evaluate_file(record, normalizer_named("none"))
    wrong = {
        pair.reference: time
        for pair, time in zip(file.score.alignment, file.times, strict=True)
        if pair.is_error
    }
    assert wrong == {"three": 40.0, "seven": 120.0}
    assert [(b.errors, b.words) for b in file.per_minute] == [(1, 3), (0, 3), (1, 2)]
    assert file.by_seam_distance[2].errors == 1
    assert [b.words for b in evaluate(system("s", "one"), "none").per_minute][:3] == [3, 3, 2]


def test_a_recording_without_transcript_is_not_scored() -> None:
    with pytest.raises(ValueError, match="not transcribed"):
        evaluate_file(system("s", "").files[2], normalizer_named("none"))


def test_duel_on_the_same_words() -> None:
    worse = evaluate(system("worse", "one two tree four five six eight"), "none")
    better = evaluate(system("better", " ".join(WORDS)), "none")
    found = duel(worse, better)
    assert found.recordings == 2
    assert found.comparison is not None
    assert found.comparison.difference.value == pytest.approx(-2 / 8)
    assert found.mcnemar.count == 2
    assert found.mapsswe is not None
    assert found.mapsswe.statistic > 0


def test_duel_needs_the_same_references() -> None:
    one = evaluate(system("a", "one"), "none")
    other_item = Item("a", ITEM.parts, "another reference")
    other = SystemRecord("b", {}, {}, (FileRecord(other_item, 1.0, PeerTranscript("x")),))
    with pytest.raises(ValueError, match="two different references"):
        duel(one, evaluate(other, "none"))
    alien = Item("z", ITEM.parts, "x")
    third = SystemRecord("c", {}, {}, (FileRecord(alien, 1.0, PeerTranscript("x")),))
    with pytest.raises(ValueError, match="share no recording"):
        duel(one, evaluate(third, "none"))


def test_macro_average_is_over_sets() -> None:
    sets = [evaluate(system("s", text), "none") for text in (" ".join(WORDS), "")]
    assert macro_average(sets) == pytest.approx((2 / 8 + 10 / 8) / 2)
    assert macro_average([*sets, None]) is None
    assert macro_average([]) is None
