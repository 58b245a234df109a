"""Sets are large, unheard, and repeat; the shipped model hears them."""

import json
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.evaluation import decoded, load, named
from training.recordings import record
from training.scoring import errors
from training.sets import DIGESTS, RECORDINGS, SETS, digest, items
from training.split import purpose_of
from training.voices import HELD_OUT, TRAINED
from transcription.models import DEMO_CHECKPOINT

REPORTS = Path(__file__).parents[2] / "training" / "reports"
IS_PUBLISHED_PLATFORM = platform.machine() in ("x86_64", "AMD64") and platform.system() == "Linux"


@pytest.mark.parametrize("name", list(SETS))
def test_sets_hold_a_thousand_words_never_trained_on(name: str) -> None:
    made = items(SETS[name])
    assert sum(len(item.words) for item in made) >= 1_000
    assert {purpose_of(item.text) for item in made} == {"evaluation"}
    voices = {item.voice for item in made}
    assert voices <= set(HELD_OUT if name.startswith("held-out") else TRAINED)
    assert all(item.sound.shape == (480_000,) for item in made[:3])
    if IS_PUBLISHED_PLATFORM:
        assert digest(made) == DIGESTS[name]


def test_a_set_is_the_same_every_time() -> None:
    plan = replace(SETS["trained-template"], words=60)
    first, second = items(plan), items(plan)
    assert digest(first) == digest(second)
    assert np.abs(first[0].sound).max() == pytest.approx(0.4, abs=0.01)


def test_five_recordings_are_planned() -> None:
    assert len(RECORDINGS) == 5
    assert all(5.0 <= plan.minutes <= 30.0 for plan in RECORDINGS.values())
    assert any(plan.noise_db for plan in RECORDINGS.values())
    assert any(plan.channels == 2 for plan in RECORDINGS.values())
    used = {voice for plan in RECORDINGS.values() for voice in plan.voices}
    assert used <= set(TRAINED)


@pytest.mark.skipif(not IS_PUBLISHED_PLATFORM, reason="another build of the synthesiser")
@pytest.mark.parametrize("name", list(RECORDINGS))
def test_recordings_are_those_that_were_published(name: str) -> None:
    assert record(RECORDINGS[name]).digest == DIGESTS[name]


def test_published_figures_were_measured_on_these_sounds() -> None:
    report = json.loads((REPORTS / "demo-evaluation.json").read_text("utf-8"))
    measured = {name: told["digest"] for name, told in report.items() if "digest" in told}
    assert measured == dict(DIGESTS)


def test_the_shipped_model_hears_a_few_sentences() -> None:
    model = load(DEMO_CHECKPOINT)
    made = items(replace(SETS["trained-template"], words=30))
    heard = [decoded(model, item.sound).text for item in made]
    assert errors([item.text for item in made], heard).rate < 0.25


def test_a_model_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no model and no file 'nothing'"):
        named("nothing")


def test_demo_is_a_name() -> None:
    assert named("demo").dims.n_vocab == 51_864
    assert Path(DEMO_CHECKPOINT).exists()
