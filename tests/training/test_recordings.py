"""Long recordings: what the text says is where the sound is."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from training.recordings import BRISK, Pauses, RecordingPlan, further, generate, record, save
from training.split import purpose_of

PLAN = RecordingPlan(5, 0.4, ("en-us+m3", "en+f2"))
SHIPPED = Path(__file__).parents[2] / "benchmarks" / "recordings" / "demo-meeting.json"


def test_the_same_plan_gives_the_same_samples() -> None:
    assert record(PLAN).digest == record(PLAN).digest


def test_between_sentences_there_is_silence_and_within_them_sound() -> None:
    recorded = record(PLAN)
    samples = np.abs(recorded.samples.astype(np.int32))
    for sentence, following in zip(recorded.sentences, recorded.sentences[1:], strict=False):
        middle = int((sentence.start + sentence.end) / 2 * 16_000)
        assert samples[middle - 1_600 : middle + 1_600].max() > 1_000
        pause = samples[int((sentence.end + 0.1) * 16_000) : int((following.start - 0.06) * 16_000)]
        assert not pause.any()


def test_words_are_ordered_and_spell_the_text() -> None:
    recorded = record(PLAN)
    words = recorded.words
    assert " ".join(word.text for word in words) == recorded.text
    assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(words))


def test_sentences_are_those_never_trained_on() -> None:
    assert {purpose_of(s.text) for s in record(PLAN).sentences} == {"evaluation"}


def test_speakers_keep_to_their_channels() -> None:
    recorded = record(RecordingPlan(6, 0.5, ("en-us+m3", "en+f2"), channels=2))
    assert recorded.samples.shape[1] == 2
    assert {s.channel for s in recorded.sentences} == {0, 1}
    for sentence in recorded.sentences:
        span = slice(int(sentence.start * 16_000), int(sentence.end * 16_000))
        assert np.abs(recorded.samples[span, sentence.channel]).max() > 1_000
        assert not recorded.samples[span, 1 - sentence.channel].any()


def test_noise_fills_the_pauses() -> None:
    recorded = record(RecordingPlan(5, 0.2, ("en-us",), noise_db=15.0))
    assert recorded.samples[:4_000].std() > 100


def test_pauses_are_as_planned() -> None:
    plan = RecordingPlan(7, 1.0, ("en-us",), pauses=Pauses((0.3, 0.4), (8.0, 9.0), rarity=3))
    told = record(plan).sentences
    gaps = [b.start - a.end for a, b in itertools.pairwise(told)]
    assert max(gaps) > 8.0
    assert min(gaps) < 0.6
    brisk = record(RecordingPlan(7, 0.3, ("en-us",), pauses=BRISK)).sentences
    assert max(b.start - a.end for a, b in itertools.pairwise(brisk)) < 0.3


def test_generate_gives_samples_and_words_of_any_length() -> None:
    samples, words = generate(8, 0.2, ["en-us+m1"], random_share=1.0)
    assert samples.dtype == np.int16
    assert len(samples) / 16_000 >= words[-1].end > 0.2 * 60 - 10


def test_further_hours_differ_and_repeat_from_their_seed() -> None:
    plans = list(further(1, hours=0.9, minutes=20.0))
    assert [plan.minutes for plan in plans] == pytest.approx([20.0, 20.0, 14.0])
    assert len({plan.seed for plan in plans}) == 3
    assert plans == list(further(1, hours=0.9, minutes=20.0))
    assert plans != list(further(2, hours=0.9, minutes=20.0))
    with pytest.raises(ValueError, match="above 0"):
        next(further(1, hours=0.0))


def test_saved_text_tells_what_was_said(tmp_path: Path) -> None:
    recorded = record(PLAN)
    save(recorded, tmp_path / "a.flac")
    told = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert told["text"] == recorded.text
    assert told["sha256_of_samples"] == recorded.digest
    assert (tmp_path / "a.flac").stat().st_size > 1_000


def test_shipped_recording_is_long_has_a_long_pause_and_several_speakers() -> None:
    told = json.loads(SHIPPED.read_text("utf-8"))
    sentences = told["sentences"]
    pauses = [b["start"] - a["end"] for a, b in itertools.pairwise(sentences)]
    assert told["duration"] > 300
    assert max(pauses) > 8
    assert len({sentence["voice"] for sentence in sentences}) >= 3
    assert all(purpose_of(sentence["text"]) == "evaluation" for sentence in sentences)


@pytest.mark.parametrize("wrong", [{"minutes": 0.0}, {"voices": ()}, {"channels": 3}])
def test_impossible_plans_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"recording|channels"):
        RecordingPlan(**{"seed": 1, "minutes": 1.0, "voices": ("en",), **wrong})  # type: ignore[arg-type]
