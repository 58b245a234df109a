from __future__ import annotations

import pytest

from benchmarks.formats.types import TimedWord
from benchmarks.human.boundaries import boundaries_of
from benchmarks.human.digits import digits_in
from benchmarks.human.nonspeech import nonspeech_in
from benchmarks.human.other_tables import Tongue
from benchmarks.human.study import compared, rules_for
from benchmarks.peers.types import PeerTranscript
from tests.benchmarks.human.planted import SAID, heard, plant_study, recording, without


def test_recordings_that_failed_are_left_out_and_systems_without_any_are_named() -> None:
    recordings = [recording("a"), recording("b")]
    whole = heard(SAID)
    found = plant_study(
        recordings, {"ours": [whole, whole], "half": [whole, None], "none": [None, None]}
    )
    assert [(m.name, list(m.heard)) for m in found.systems] == [
        ("ours", ["a", "b"]),
        ("half", ["a"]),
    ]
    assert found.absent == (("none", "RuntimeError: broken"),)
    with pytest.raises(ValueError, match="nothing has been measured"):
        plant_study(recordings, {"ours": [None, None]})


def test_what_one_window_hears_is_not_pooled() -> None:
    found = plant_study([recording("a")], {"ours": [heard(SAID)]}, duration=30.0)
    assert found.ours.speech == []
    assert len(plant_study([recording("a")], {"ours": [heard(SAID)]}).ours.speech) == 1


def test_ours_is_compared_on_what_both_have_heard() -> None:
    recordings = [recording("a"), recording("b")]
    lossy, whole = heard(without(*range(0, 200, 10))), heard(SAID)
    found = plant_study(recordings, {"ours": [whole, lossy], "other": [lossy, None]})
    duel = compared(found, found.systems[1], lambda measured: measured.speech)
    assert duel is not None
    assert duel.recordings == 1
    assert duel.comparison is not None
    assert duel.comparison.difference.value == pytest.approx(-0.1)
    assert compared(found, found.systems[1], lambda measured: measured.of("calls")) is None


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "openai-english"), ("de", "multilingual"), ("zh", "multilingual-letters")],
)
def test_the_language_chooses_the_rules(language: str, name: str) -> None:
    assert rules_for(recording("a", language=language)).name == name


def test_a_german_um_that_is_missing_is_an_error() -> None:
    said = "es geht um den Hund und um die Katze und um das Haus"
    german = recording("a", "languages", "de", reference=said)
    found = plant_study([german], {"ours": [PeerTranscript(said.replace("um ", ""))]})
    (file,) = found.ours.of("languages")
    assert file.file.score.deletions == 3


def test_digits_are_counted_one_by_one_however_they_are_grouped() -> None:
    said = "one two three four five six"
    digits = recording("a", "digits", reference=said)
    times = tuple(TimedWord(w, float(n), n + 0.5) for n, w in enumerate(["12", "34", "56"]))
    hits = PeerTranscript("12, 34 56", times, seams=(1.0,))
    lost = PeerTranscript(
        "12 6", (TimedWord("12", 0.0, 1.0), TimedWord("6", 9.0, 9.5)), seams=(5.0,)
    )
    added = PeerTranscript("1 2 2 3 4 5 6", seams=(200.0,))
    found = [digits_in(plant_study([digits], {"o": [h]}).ours.of("digits")) for h in (hits, lost)]
    assert (found[0].counts.hits, found[0].counts.errors) == (6, 0)
    assert (found[1].counts.deletions, found[1].lost_at_seams, found[1].seams) == (3, 2, 1)
    extra = digits_in(plant_study([digits], {"o": [added]}).ours.of("digits"))
    assert (extra.counts.insertions, extra.added_at_seams) == (1, 0)


def test_words_where_nobody_speaks_are_counted_by_minute() -> None:
    silent = [recording(name, "nonspeech", None, reference="") for name in "abc"]
    loop = tuple(TimedWord("no", start, start + 0.5) for start in (10.0, 12.0, 130.0))
    texts = [
        PeerTranscript(""),
        PeerTranscript("no no no", loop),
        PeerTranscript("you"),
    ]  # the last has no times
    found = nonspeech_in(plant_study(silent, {"ours": texts}, 150.0).ours.of("nonspeech"))
    assert (found.recordings, found.with_words, found.words) == (3, 2, 4)
    assert (found.begun, found.begun_with_words) == (9, 3)
    assert found.share == pytest.approx(1 / 3)


def test_boundaries_are_those_of_words_heard_right() -> None:
    words = tuple(TimedWord(w, float(n), n + 0.8) for n, w in enumerate(SAID))
    late = tuple(TimedWord(w.text, w.start + 0.1, w.end + 0.3) for w in words if w.text != SAID[7])
    said = recording("a", "calls", words=words)
    answer = PeerTranscript(" ".join(w.text for w in late), late)
    found = boundaries_of(plant_study([said], {"ours": [answer]}).ours.heard.values())
    assert found.words == 199
    assert found.mean == pytest.approx(0.2)
    assert found.close == pytest.approx(0.5, abs=0.5)
    untimed = boundaries_of(plant_study([recording("a")], {"o": [answer]}).ours.heard.values())
    assert (untimed.words, untimed.mean, untimed.median, untimed.close) == (0, None, None, None)


@pytest.mark.parametrize(
    ("said", "text", "is_right"),
    [
        ("这是一个简体的句子 说话", "這是一個繁體的句子 說話", False),
        ("这是一个简体的句子 说话", "这是一个简体的句子 说话", True),
        ("добар дан", "dobar dan", False),
        ("", "anything", None),
    ],
)
def test_the_script_is_that_of_the_reference(said: str, text: str, is_right: bool | None) -> None:
    foreign = recording("a", "languages", "sr", reference=said)
    found = plant_study([foreign], {"ours": [PeerTranscript(text, language="hr")]})
    tongue = Tongue.of(found.ours.heard["a"])
    assert tongue.script_is_right is is_right
    assert not tongue.is_right
