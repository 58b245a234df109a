"""One window's attempts: how each is searched, and what is kept of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from decoding.engine.fallback import (
    LONGEST_LOOP,
    best_result,
    drop_looping_text,
    due_beams,
    due_temperature,
    judge_attempt,
    plan_attempt,
)
from decoding.engine.language_detection import DetectedLanguage
from decoding.engine.quality import Sounds
from decoding.engine.window_request import WindowRequest
from decoding.search.hypotheses import Hypothesis
from decoding.search.state import ANY_LOOP
from decoding.types import OPENAI_RULES, UNWRITTEN, DecodingOptions, Expected
from tests.decoding.noise import noise

CONTEXT = 64
POOR = Hypothesis((1000, 1001), -9.0, is_truncated=False)
GOOD = Hypothesis((1002, 1003), -0.3, is_truncated=False)
NONE = Hypothesis((), -100.0, is_truncated=True, is_finite=False)


def request(**options):
    given = {"temperatures": (0.0, 0.4, 0.8), "beam_size": 3, "best_of": 2, **options}
    found = WindowRequest(noise(7, 2), DecodingOptions(**{"language": "en", **given}))
    found.language, found.num_prompt_tokens = DetectedLanguage("en"), 4
    return found


def tried(vocabulary, one, *hypotheses, no_speech=0.0):
    """Whether each of the hypotheses ended the attempts."""
    return [judge_attempt(one, found, Sounds(no_speech), vocabulary) for found in hypotheses]


def test_the_first_attempt_searches_the_later_ones_sample(small):
    one = request(patience=2.0)
    first = plan_attempt(one, CONTEXT)
    assert (first.beam_size, first.max_finished, first.temperature) == (3, 6, 0.0)
    assert first.uniforms is None
    assert tried(small.vocabulary, one, POOR) == [False]
    second = plan_attempt(one, CONTEXT)
    assert (second.beam_size, second.max_finished, second.temperature) == (2, 2, 0.4)
    assert due_beams(one) == 2
    assert second.uniforms.shape == (CONTEXT - 4 + 1, 2)


def test_the_prompt_and_the_caller_limit_the_text():
    assert plan_attempt(request(), CONTEXT).budget == CONTEXT - 4 + 1
    assert plan_attempt(request(sample_len=9), CONTEXT).budget == 9
    assert plan_attempt(request(sample_len=900), CONTEXT).budget == CONTEXT - 4 + 1


@pytest.mark.parametrize(
    ("prompt", "sounds", "verdict"),
    [
        ("{}", Sounds(0.27, 0.62), "no_speech"),  # a city, in which a prompt was repeated
        ("{}", Sounds(0.09, 0.9), "accepted"),  # a lone word of a person
        ("Something else.", Sounds(0.27, 0.62), "accepted"),
        (None, Sounds(0.27, 0.62), "accepted"),
    ],
)
def test_a_prompt_that_is_repeated_where_somebody_hardly_speaks_is_no_text(
    small, prompt, sounds, verdict
):
    said = small.vocabulary.text_of(GOOD.tokens).strip()
    for given in ("prompt", "hotwords"):
        one = request(**{given: prompt and prompt.format(said)})
        judge_attempt(one, GOOD, sounds, small.vocabulary)
        assert one.attempts[0].verdict == verdict


def test_what_loops_behind_a_prompt_is_tried_without_it_before_it_is_sampled(small):
    one = request(prompt="Names.", hotwords="Ann", compression_ratio_threshold=0.1)
    temperatures, ends = [], []
    for _ in range(4):
        temperatures.append(due_temperature(one))
        ends += tried(small.vocabulary, one, GOOD)
        drop_looping_text(one)
    assert temperatures == [0.0, 0.0, 0.4, 0.8]
    assert ends == [False, False, False, True]
    assert (one.read_before.prompt, one.read_before.hotwords) == (None, None)
    assert one.options.prompt == "Names."
    assert one.anew().read_before == one.options


LONG = " I am not sure whether they are going to let us in today, or what else we may do"
SILENT = Sounds(0.74, 0.44)


def once_and_looped(vocabulary, text):
    """It once, and a search that was ended because it loops."""
    tokens = tuple(vocabulary.tokenizer("en", "transcribe").encode(text))
    found = Hypothesis(tokens, -3.0, is_truncated=False)
    return found, replace(found, is_truncated=True, is_loop=True)


def verdicts(vocabulary, one, sounds, *hypotheses):
    for found in hypotheses:
        judge_attempt(one, found, sounds, vocabulary)
        drop_looping_text(one)
    return [attempt.verdict for attempt in one.attempts]


def test_what_is_drawn_in_place_of_a_loop_is_no_text_where_nobody_speaks(small):
    text, looped = once_and_looped(small.vocabulary, LONG)
    judged = partial(verdicts, small.vocabulary)
    assert judged(request(language=None), SILENT, looped, text) == ["repetitive", "no_speech"]
    assert judged(request(language=None), SILENT, text) == ["accepted"]
    to_the_last = judged(request(language=None), SILENT, looped, looped, looped)
    assert to_the_last == ["repetitive", "repetitive", "no_speech"]
    for sounds in (Sounds(0.74, 0.6), Sounds(0.3, 0.6)):  # a person reads digits; speaks
        assert judged(request(language=None), sounds, looped, text) == ["repetitive", "accepted"]
    by_openai = judged(request(**OPENAI_RULES), SILENT, looped, text)
    assert by_openai == ["repetitive", "accepted"]


def test_a_loop_behind_a_prompt_is_its_doing(small):
    text, looped = once_and_looped(small.vocabulary, LONG)
    one = request(language=None, prompt="Names.")
    assert verdicts(small.vocabulary, one, SILENT, looped, text) == ["repetitive", "accepted"]
    one = request(language=None, prompt="Names.")
    found = verdicts(small.vocabulary, one, SILENT, looped, looped, text)
    assert found == ["repetitive", "repetitive", "no_speech"]


def test_digits_are_said_one_by_one(small):
    heard, looped = once_and_looped(small.vocabulary, " 4, 7, 7, 1, 9, 5, 8, 8, 0, 3, 2, 8, 8, 4")
    found = verdicts(small.vocabulary, request(language=None), SILENT, looped, heard)
    assert found == ["repetitive", "accepted"]


@pytest.mark.parametrize(
    ("options", "hypotheses"),
    [
        ({"compression_ratio_threshold": 0.1}, (GOOD,)),  # nothing was read before
        ({"prompt": "Names.", "logprob_threshold": -1.0}, (POOR,)),  # it does not loop
        ({"prompt": "Names."}, ()),
        ({"prompt": "Names.", "compression_ratio_threshold": 0.1}, (GOOD, GOOD)),  # sampled already
    ],
)
def test_what_is_read_before_stays_elsewhere(small, options, hypotheses):
    one = request(**options)
    tried(small.vocabulary, one, *hypotheses)
    assert not drop_looping_text(one)
    assert one.read_before == one.options


def test_what_is_drawn_depends_on_seed_and_attempt(small):
    draws = []
    for _ in range(2):
        one = request(temperatures=(0.4, 0.4))
        draws.append(plan_attempt(one, CONTEXT).uniforms)
        tried(small.vocabulary, one, POOR)
        draws.append(plan_attempt(one, CONTEXT).uniforms)
    assert torch.equal(draws[0], draws[2])
    assert torch.equal(draws[1], draws[3])
    assert not torch.equal(draws[0], draws[1])


def test_a_good_attempt_ends_it_and_the_last_one_does(small):
    vocabulary = small.vocabulary
    assert tried(vocabulary, request(), POOR, GOOD) == [False, True]
    assert tried(vocabulary, request(), POOR, POOR, POOR) == [False, False, True]


def test_the_best_attempt_is_kept(small):
    one = request(temperatures=(0.0, 0.4))
    better = Hypothesis((1004,), -4.0, is_truncated=True)
    tried(small.vocabulary, one, better, POOR)
    kept = best_result(one, small.vocabulary)
    assert (kept.kept, kept.tokens, kept.temperature) == (0, (1004,), 0.0)
    assert kept.is_truncated
    assert kept.text == small.vocabulary.text_of((1004,)).strip()
    assert kept.attempts == one.attempts
    assert len(kept.attempts) == 2


@pytest.mark.parametrize("no_speech", [0.1, math.nan])
def test_an_attempt_of_no_numbers_is_never_good_and_gives_no_result(small, no_speech):
    one = request(temperatures=(0.0,), logprob_threshold=None)
    tried(small.vocabulary, one, NONE, no_speech=no_speech)
    assert one.attempts[0].verdict == "improbable"
    assert best_result(one, small.vocabulary) is None


def test_silence_keeps_its_tokens_and_no_text(small):
    one = request()
    assert tried(small.vocabulary, one, POOR, no_speech=0.9) == [True]
    kept = best_result(one, small.vocabulary)
    assert (kept.verdict, kept.tokens, kept.text) == ("no_speech", POOR.tokens, "")
    assert kept.timed_text == ()
    assert kept.no_speech_prob == 0.9


def test_a_loop_is_written_to_its_end_only_where_it_would_be_kept(small):
    """By the last attempt, and where no threshold tells a loop."""
    one = request()
    assert plan_attempt(one, CONTEXT).longest_loop == LONGEST_LOOP
    tried(small.vocabulary, one, POOR, POOR)
    assert plan_attempt(one, CONTEXT).longest_loop == ANY_LOOP
    kept = request(compression_ratio_threshold=None)
    assert plan_attempt(kept, CONTEXT).longest_loop == ANY_LOOP


def spoken(seconds, until=None, **options):
    one = request(**options)
    expected = Expected(spoken_seconds=seconds, spoken_until=until)
    one.clip = replace(one.clip, expected=expected)
    return one


def test_hardly_any_text_for_much_speech_is_tried_again(small):
    one = spoken(25.0)
    assert tried(small.vocabulary, one, GOOD) == [False]
    assert one.attempts[0].verdict == "sparse"
    long = Hypothesis(tuple(range(1000, 1030)), -1.0, is_truncated=False)
    assert tried(small.vocabulary, one, long) == [True]
    assert best_result(one, small.vocabulary).tokens == long.tokens
    for seconds in (None, 2.5):
        assert tried(small.vocabulary, spoken(seconds), GOOD) == [True]


def test_what_is_found_after_sparse_text_counts_if_it_is_more_probable(small):
    """Warmth finds something in any noise."""
    made_up = Hypothesis(tuple(range(1000, 1030)), -20.0, is_truncated=False)
    one = spoken(25.0)
    assert tried(small.vocabulary, one, GOOD, made_up, GOOD) == [False, False, True]
    assert [attempt.verdict for attempt in one.attempts] == ["sparse", "improbable", "sparse"]
    assert best_result(one, small.vocabulary).tokens == GOOD.tokens


@pytest.mark.parametrize("sounds", [Sounds(0.3, 0.6), Sounds(0.65, 0.3)])
def test_sparse_text_is_not_made_silence_by_what_is_tried_after_it(small, sounds):
    one = spoken(25.0)
    sparse = Hypothesis(tuple(range(1000, 1018)), -7.0, is_truncated=False)
    verdicts = []
    for found in (sparse, POOR, POOR):
        judge_attempt(one, found, sounds, small.vocabulary)
        verdicts.append(one.attempts[-1].verdict)
    assert verdicts == ["sparse", "improbable", "improbable"]
    assert best_result(one, small.vocabulary).tokens == sparse.tokens


def test_text_that_was_cut_short_is_not_sparse(small):
    """It is truncated, and the merge asks for its halves."""
    cut = replace(GOOD, is_truncated=True)
    assert tried(small.vocabulary, spoken(25.0), cut) == [True]


def test_the_first_attempt_writes_until_nobody_speaks_any_more(small):
    one = spoken(25.0, until=29.0)
    assert plan_attempt(one, CONTEXT).earliest_end == (29.0 - UNWRITTEN) / 0.02
    tried(small.vocabulary, one, POOR)
    assert plan_attempt(one, CONTEXT).earliest_end == 0
    assert plan_attempt(spoken(0.5, until=0.7), CONTEXT).earliest_end == 0
    assert plan_attempt(request(), CONTEXT).earliest_end == 0


@pytest.mark.parametrize(("no_speech", "verdict"), [(0.0, "repetitive"), (0.9, "no_speech")])
def test_a_search_that_was_ended_as_a_loop_is_one(small, no_speech, verdict):
    """Whatever it compresses to; but silence excuses everything."""
    loop = Hypothesis((1002, 1003), -9.0, is_truncated=True, is_loop=True)
    one = request()
    assert tried(small.vocabulary, one, loop, no_speech=no_speech) == [verdict == "no_speech"]
    assert one.attempts[0].verdict == verdict
