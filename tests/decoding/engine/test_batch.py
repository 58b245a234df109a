"""Windows decoded together: equal to openai-whisper's one by one, and to themselves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from decoding.engine import prompt_prefill, slot_table
from decoding.engine.batch import Batch
from decoding.errors import NotFinite
from decoding.loading.loader import load_model
from decoding.search.hypotheses import best_hypothesis
from decoding.types import OPENAI_RULES, Clip, DecodingOptions
from tests.decoding.decoding_alone import (
    decode,
    decode_one,
    keys_of,
    requests_of,
    results_of,
    run_out,
)
from tests.decoding.noise import noise
from tests.decoding.oracle import demo_oracle, openai_decode
from tests.decoding.small_models import ENGLISH, random_model, save
from tests.decoding.speech import window

# openai-whisper sorts tensors with numpy, which NumPy 2 deplores
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")

ONCE = {
    "temperatures": (0.0,),
    "no_speech_threshold": None,
    **OPENAI_RULES,
    "language": "en",
}
MIXED = [
    DecodingOptions(**ONCE),
    DecodingOptions(beam_size=3, prompt="the harbour", **ONCE),
    DecodingOptions(beam_size=1, **ONCE),
    DecodingOptions(beam_size=8, without_timestamps=True, **ONCE),
    DecodingOptions(language="hi", temperatures=(0.4,)),
    DecodingOptions(hotwords="station"),
    DecodingOptions(temperatures=(0.0, 0.6, 1.0), logprob_threshold=-0.01, no_speech_threshold=2.0),
    DecodingOptions(sample_len=7, suppress_tokens=(), task="translate"),
]


def test_hypotheses_are_ranked_as_the_options_say(small, monkeypatch):
    """A random model's are never finished, and then all rankings are one."""
    asked = []

    def noted(search, length_penalty, text_end):
        asked.append(text_end)
        return best_hypothesis(search, length_penalty, text_end)

    monkeypatch.setattr(slot_table, "best_hypothesis", noted)
    for options in (DecodingOptions(ranking="likelihood"), DecodingOptions()):
        decode_one(small, noise(1), replace(options, sample_len=4, temperatures=(0.0,)))
    assert asked == [None, small.decoder.columns.layout.eot]


@pytest.mark.instructions
@pytest.mark.parametrize(
    "given", [{}, {"beam_size": 1}, {"prompt": "hello there"}, {"patience": 2.0, "beam_size": 3}]
)
def test_same_as_openai(small, given):
    clip = noise(1)
    ours = decode_one(small, clip, DecodingOptions(sample_len=24, **ONCE, **given))
    theirs = openai_decode(random_model(3), clip.samples, sample_len=24, **given)
    assert list(ours.tokens) == theirs.tokens
    assert ours.avg_logprob == pytest.approx(theirs.avg_logprob, abs=1e-4)
    assert ours.no_speech_prob == pytest.approx(theirs.no_speech_prob, abs=1e-5)


def test_the_context_ends_where_openai_ends_it(small):
    """A long prompt in a context of 64 leaves 34 tokens; one more may be sampled, never fed."""
    clip, prompt = noise(4), "one two three four five six " * 8
    options = DecodingOptions(prompt=prompt, suppress_tokens=(-1, small.vocabulary.eot), **ONCE)
    ours = decode_one(small, clip, options)
    theirs = openai_decode(
        random_model(3),
        clip.samples,
        prompt=prompt,
        sample_len=224,
        suppress_tokens=[-1, small.vocabulary.eot],
    )
    assert list(ours.tokens) == theirs.tokens
    assert ours.is_truncated
    assert len(ours.tokens) == 64 + 1 - (1 + 31 + 3)


@pytest.fixture(scope="module")
def mixed(small):
    """Jobs whose options all differ, and what each gives alone."""
    jobs = [(at, noise(at, 10 + at), options) for at, options in enumerate(MIXED)]
    return jobs, {key: decode_one(small, clip, options) for key, clip, options in jobs}


@pytest.mark.instructions
@pytest.mark.parametrize("slots", [8, 3])
def test_neighbours_change_nothing(small, mixed, slots):
    """Eight together, or three at a time with refills: bit for bit what each gives alone."""
    jobs, alone = mixed
    together = decode(small, jobs, slots)
    assert {key for key in alone if together[key] != alone[key]} == set()


@pytest.mark.slow
@pytest.mark.parametrize("slots", [pytest.param(8, marks=pytest.mark.instructions), 3])
def test_neighbours_change_nothing_in_speech(demo, slots):
    options = [one for one in MIXED if one.language != "hi" and one.task != "translate"]
    jobs = [(at, Clip(window(at % 4, 2), seed=at), one) for at, one in enumerate(options)]
    together = decode(demo, jobs, slots)
    for key, clip, one in jobs:
        assert together[key] == decode_one(demo, clip, one), key


@pytest.mark.slow
@pytest.mark.parametrize("beam_size", [1, 5])
def test_same_as_openai_over_models_and_clips(tmp_path, beam_size):
    """Random models (some multilingual, some not) decoded four windows together."""
    for seed in range(4):
        theirs = random_model(seed, ENGLISH if seed % 2 else 51_865)
        model = load_model(str(save(theirs, tmp_path / f"{seed}.pt")))
        jobs = [
            (prompt, clip, DecodingOptions(prompt=prompt, beam_size=beam_size, **ONCE))
            for clip, prompt in zip(map(noise, range(4)), (None, "a", "b c", None), strict=True)
        ]
        jobs = [(at, clip, options) for at, (_, clip, options) in enumerate(jobs)]
        results = decode(model, jobs, 4)
        for at, clip, options in jobs:
            expected = openai_decode(
                theirs, clip.samples, prompt=options.prompt, sample_len=448, beam_size=beam_size
            )
            assert list(results[at].tokens) == expected.tokens
            assert results[at].avg_logprob == pytest.approx(expected.avg_logprob, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", [None, "At the harbour"])
def test_same_as_openai_on_speech(demo, prompt):
    jobs = [
        (at, Clip(window(at)), DecodingOptions(prompt=prompt, sample_len=224, **ONCE))
        for at in range(4)
    ]
    results = decode(demo, jobs, 4)
    for at, clip, _ in jobs:
        expected = openai_decode(demo_oracle(), clip.samples, prompt=prompt)
        assert list(results[at].tokens) == expected.tokens
        assert results[at].avg_logprob == pytest.approx(expected.avg_logprob, abs=1e-4)


def test_language_is_detected_as_openai_detects_it(small):
    clip = noise(2)
    heard = decode_one(small, clip, DecodingOptions(task="lang_id", prompt="ignored"))
    theirs = openai_decode(random_model(3), clip.samples, language=None, task="lang_id")
    assert heard.language == theirs.language
    assert heard.language_probabilities == pytest.approx(theirs.language_probs, abs=1e-5)
    assert (heard.text, heard.tokens, heard.words) == ("", (), ())


def test_language_is_chosen_among_those_allowed(small):
    options = DecodingOptions(language=None, languages=("de", "hi"), sample_len=2)
    heard = decode_one(small, noise(2), options)
    assert set(heard.language_probabilities) == {"de", "hi"}
    assert sum(heard.language_probabilities.values()) == pytest.approx(1.0)
    assert heard.language == max(heard.language_probabilities, key=heard.language_probabilities.get)


def test_only_what_fails_climbs_and_the_best_attempt_stays(small):
    options = DecodingOptions(
        language="en",
        temperatures=(0.0, 0.5, 1.0),
        logprob_threshold=0.0,
        no_speech_threshold=2.0,
        needs_language=False,
    )
    decoded = decode_one(small, noise(1), options)
    assert [attempt.temperature for attempt in decoded.attempts] == [0.0, 0.5, 1.0]
    assert {attempt.verdict for attempt in decoded.attempts} <= {"improbable", "repetitive"}
    kept = [one for one in decoded.attempts if one.temperature == decoded.temperature]
    assert kept[0].avg_logprob == decoded.avg_logprob


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("given", [{"prompt": "the harbour"}, {"hotwords": "station"}])
def test_what_loops_behind_a_prompt_is_decoded_as_if_there_were_none(small, given, slots):
    """Every text counts as a loop here."""
    twice = (0.0, 0.0)
    loops = {**ONCE, "temperatures": twice, "compression_ratio_threshold": 0.01, "sample_len": 12}
    jobs = [
        (name, noise(seed), DecodingOptions(**loops, **text))
        for seed in (3, 4)
        for name, text in ((f"bare {seed}", {}), (f"behind {seed}", given))
    ]
    found = decode(small, jobs, slots)
    for seed in (3, 4):
        bare, behind = found[f"bare {seed}"], found[f"behind {seed}"]
        assert [attempt.verdict for attempt in behind.attempts] == ["repetitive"] * 3
        assert behind.attempts[0] != bare.attempts[0]
        assert behind.attempts[1:] == bare.attempts
        assert behind.no_speech_prob == bare.no_speech_prob


def test_silence_has_no_words(small):
    options = DecodingOptions(language="en", no_speech_threshold=0.0, logprob_threshold=0.0)
    decoded = decode_one(small, noise(1), options)
    assert decoded.verdict == "no_speech"
    assert len(decoded.attempts) == 1
    assert (decoded.text, decoded.words, decoded.timed_text) == ("", (), ())


@pytest.mark.parametrize("given", [{"prompt": "the ward"}, {"hotwords": "ibuprofen"}])
def test_what_is_read_before_does_not_tell_whether_somebody_speaks(small, given):
    options = DecodingOptions(language="en", sample_len=3, temperatures=(0.0,))
    jobs = [(0, noise(3, 5), options), (1, noise(3, 5), replace(options, **given))]
    without, with_it = decode(small, jobs, 4).values()
    assert with_it.no_speech_prob == pytest.approx(without.no_speech_prob, rel=1e-4)
    assert with_it.avg_logprob != without.avg_logprob


def test_no_speech_that_is_likelier_than_any_language_has_no_words(small, monkeypatch):
    options = {"language": "en", "temperatures": (0.0,), "sample_len": 4}
    assert decode_one(small, noise(1), DecodingOptions(**options)).text
    none = torch.full((1,), -1.0)
    monkeypatch.setattr(prompt_prefill, "_likeliest_language", lambda *_: none)
    decoded = decode_one(small, noise(1), DecodingOptions(**options))
    assert (decoded.verdict, decoded.text, decoded.words) == ("no_speech", "", ())
    unchecked = DecodingOptions(needs_language=False, **options)
    assert decode_one(small, noise(1), unchecked).text


def test_samples_repeat_for_a_seed_and_differ_between_seeds(small):
    options = DecodingOptions(language="en", temperatures=(1.0,), best_of=2)
    clip = noise(1)
    first, again = (decode_one(small, clip, options) for _ in range(2))
    other = decode_one(small, Clip(clip.samples, seed=99), options)
    assert first == again
    assert first.tokens != other.tokens


def test_dropped_windows_leave_at_once(small):
    batch = Batch(small, 4)
    jobs = [(at, noise(at, 5), DecodingOptions(**ONCE)) for at in range(4)]
    requests = requests_of(jobs)
    with torch.inference_mode():
        batch.admit(list(requests.values()))
        batch.step()
        for key in (0, 2):
            requests[key].future.cancel()
        batch.drop_cancelled()
        assert keys_of(requests, batch.in_flight) == [1, 3]
        assert batch.free == 2
        results = results_of(requests, run_out(batch))
    assert results.keys() == {1, 3}
    assert results[3] == decode_one(small, *jobs[3][1:])


def test_a_window_in_which_nothing_may_be_said_is_empty_and_leaves_the_others_alone(small):
    """All tokens suppressed: no hypothesis at all, at any temperature."""
    nothing = DecodingOptions(
        language="en", suppress_tokens=tuple(range(small.vocabulary.size)), temperatures=(0.0, 0.4)
    )
    jobs = [("mute", noise(1, 5), nothing), ("other", noise(2, 5), DecodingOptions(**ONCE))]
    together = decode(small, jobs, 2)
    mute = together["mute"]
    assert (mute.text, mute.tokens, mute.words) == ("", (), ())
    assert mute.is_truncated
    assert {one.verdict for one in mute.attempts} <= {"improbable", "no_speech"}
    assert together["other"] == decode_one(small, *jobs[1][1:])


@pytest.mark.parametrize("temperature", [0.0, 0.4])
@pytest.mark.parametrize("task", ["transcribe", "lang_id"])
def test_logits_that_are_no_numbers_are_an_error(small, monkeypatch, task, temperature):
    """As a model gives whose half precision overflows."""
    logits = type(small.decoder.logits)

    def broken(self, hidden):
        return torch.full_like(real(self, hidden), float("nan"))

    real = logits.__call__
    monkeypatch.setattr(logits, "__call__", broken)
    options = DecodingOptions(task=task, temperatures=(temperature, 0.6), sample_len=5)
    for thresholds in ({}, {"logprob_threshold": None}):
        found = decode_one(small, noise(1, 5), replace(options, **thresholds))
        assert isinstance(found, NotFinite)
        assert "fp32" in str(found)


def test_an_overflow_in_mid_text_is_an_error_and_a_cooler_try_may_do(small, monkeypatch):
    """The first try meets it at its third token, the second does not."""
    logits = type(small.decoder.logits)
    tokens = 0

    def broken(self, hidden):
        nonlocal tokens
        tokens += 1
        found = real(self, hidden)
        return found * float("nan") if 3 <= tokens <= 5 else found

    real = logits.__call__
    monkeypatch.setattr(logits, "__call__", broken)
    options = DecodingOptions(language="en", temperatures=(0.4,), sample_len=5)
    assert isinstance(decode_one(small, noise(1, 5), options), NotFinite)
    tokens = 0
    twice = decode_one(small, noise(1, 5), replace(options, temperatures=(0.4, 0.6, 0.8)))
    assert twice.temperature > 0.4
    assert twice.attempts[0].verdict == "improbable"


@pytest.mark.parametrize("count", [0, 1, 200, 16_000])
def test_short_clips(small, count):
    clip = Clip(noise(1).samples[:count])
    decoded = decode_one(small, clip, DecodingOptions(sample_len=12, **ONCE))
    assert all(0 <= word.start <= word.end <= 30 for word in decoded.words)
