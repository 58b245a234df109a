from __future__ import annotations

from dataclasses import replace

import pytest

from chunking.audit.coverage import audit, find_uncovered
from chunking.audit.speaking_rate import THREE_WORDS, SpeakingRate, find_stretched, speaking_rate_of
from chunking.text.word_duration import letters
from chunking.types import Merged, Piece, Span, Window, Word

SENTENCE = "the quick brown fox would jump over that lazy dog and then run away home again"
TEXTS = SENTENCE.split()
PER_LETTER = 0.07


def spoken(texts, *, per_letter=PER_LETTER, start=1.0):
    """`texts` at a steady pace, one right after the other."""
    words, clock = [], start
    for index, text in enumerate(texts):
        end = clock + per_letter * letters(text)
        words.append(Word(f" {text}", clock, end, 0.9, (), 0, index))
        clock = end
    return words


def evidence_of(words):
    return (Span(words[0].start, words[-1].end),)


def skip(words, first, last, keeper):
    """`words` without those from `first` to before `last`; `keeper` has all their sound."""
    left = words[: first - 1] if keeper < first else words[:first]
    right = words[last:] if keeper < first else words[last + 1 :]
    kept = words[keeper]
    until = words[last].start if keeper < first else kept.end
    since = kept.start if keeper < first else words[first].start
    return [*left, replace(kept, start=since, end=until), *right]


def report_on(words, evidence):
    piece = Piece(Window(0, 0.0, 30.0), tuple(words))
    return audit(Merged(tuple(words), ()), {0: piece}, evidence, 30.0)


@pytest.mark.parametrize("per_letter", [0.05, 0.07, 0.1])
def test_the_pace_of_steady_speech(per_letter):
    words = spoken(TEXTS, per_letter=per_letter)
    rate = speaking_rate_of(words, evidence_of(words))
    assert rate is not None
    assert rate.per_letter == pytest.approx(per_letter)
    assert rate.deviation == pytest.approx(0.0, abs=1e-9)


def test_no_pace_without_enough_words_or_speech():
    words = spoken(TEXTS)
    assert speaking_rate_of(words[:9], evidence_of(words)) is None
    assert speaking_rate_of(words, ()) is None
    assert find_stretched(words, evidence_of(words), {}) == []


@pytest.mark.parametrize("keeper", [4, 9])
def test_words_lost_under_a_word_that_is_not_implausible(keeper):
    said = spoken(TEXTS, per_letter=0.08)
    heard = skip(said, 5, 9, keeper)
    stretched = heard[4] if keeper == 4 else heard[5]
    assert find_uncovered(heard, evidence_of(said)) == ()  # without the pace
    (span,) = report_on(heard, evidence_of(said)).uncovered
    assert (span.start, span.end) == pytest.approx((stretched.start, stretched.end))


@pytest.mark.parametrize("per_letter", [0.05, 0.08, 0.14])
def test_fast_and_slow_speakers_raise_no_alarm(per_letter):
    words = spoken(TEXTS, per_letter=per_letter)
    assert report_on(words, evidence_of(words)).uncovered == ()


def test_one_drawn_word_raises_no_alarm():
    words = spoken(TEXTS)
    said = [*words[:7], *(replace(w, start=w.start + 0.6, end=w.end + 0.6) for w in words[7:])]
    said[6] = replace(said[6], end=said[6].end + 0.6)
    assert report_on(said, evidence_of(said)).uncovered == ()


def test_where_words_vary_more_is_asked_for():
    words = spoken(TEXTS)
    excess = THREE_WORDS * PER_LETTER + 0.1
    words[-1] = replace(words[-1], end=words[-1].end + excess)
    heard = evidence_of(words)
    assert len(find_stretched(words, heard, {0: SpeakingRate(PER_LETTER, 0.05)})) == 1
    assert find_stretched(words, heard, {0: SpeakingRate(PER_LETTER, 0.2)}) == []


def test_breath_behind_a_word_hides_no_words():
    """One detector takes it for speech, the other one does not; both hear words that were lost."""
    said = spoken(TEXTS)
    heard = [*said[:5], *(replace(w, start=w.start + 1.4, end=w.end + 1.4) for w in said[5:])]
    piece = Piece(Window(0, 0.0, 30.0), tuple(heard))
    merged, evidence = Merged(tuple(heard), ()), (Span(1.0, heard[-1].end),)
    breath = (Span(1.0, heard[4].end), Span(heard[5].start, heard[-1].end))
    certain = (None, evidence, breath)
    reports = [audit(merged, {0: piece}, evidence, 30.0, certain=c).uncovered for c in certain]
    assert [len(report) for report in reports] == [1, 1, 0]


def test_a_stretched_word_before_speech_without_words_is_named_with_it():
    said = spoken(TEXTS, per_letter=0.08)
    kept = skip(said, 5, 9, 4)
    heard = [*kept[:5], *(replace(w, start=w.start + 5, end=w.end + 5) for w in kept[5:])]
    stretched, bare = heard[4], Span(heard[4].end + 2.0, heard[4].end + 4.0)
    evidence = Span(1.0, stretched.end), bare, Span(heard[5].start, heard[-1].end)
    report = report_on(heard, evidence)
    assert report.uncovered == (Span(stretched.start, bare.end),)
    hidden = sum(w.end - w.start for w in said[5:9])
    assert report.uncovered_seconds == pytest.approx(bare.duration + hidden, abs=0.05)


@pytest.mark.parametrize(("seconds", "named"), [(1.0, 0), (1.35, 1)])
def test_breath_that_both_detectors_take_for_speech(seconds, named):
    """Behind a word it is no speech of other words, until it is longer than a breath."""
    said = spoken(TEXTS)
    later = (replace(w, start=w.start + seconds, end=w.end + seconds) for w in said[5:])
    heard = [*said[:5], *later]
    assert len(report_on(heard, evidence_of(heard)).uncovered) == named
    inside = [*said[:4], replace(said[4], end=heard[5].start), *heard[5:]]
    assert len(report_on(inside, evidence_of(inside)).uncovered) == 1


def test_where_there_is_no_word_the_second_detector_judges_alone():
    said = spoken(TEXTS)
    evidence = (Span(1.0, said[-1].end), Span(20.0, 23.0))
    piece = Piece(Window(0, 0.0, 30.0), tuple(said))
    report = audit(Merged(tuple(said), ()), {0: piece}, evidence, 30.0, certain=())
    assert report.uncovered == (Span(20.0, 23.0),)


def test_a_word_laid_across_a_pause_needs_less():
    """The words after the pause begin later than it does: three short ones were lost."""
    said = spoken(TEXTS)
    heard = [*said[:5], *(replace(w, start=w.start + 4, end=w.end + 4) for w in said[5:])]
    evidence = Span(1.0, heard[4].end), Span(heard[5].start - 0.5, heard[-1].end)
    unmoved = report_on(heard, evidence)
    heard[5] = replace(heard[5], start=heard[4].end + 0.2)
    (span,) = report_on(heard, evidence).uncovered
    assert unmoved.uncovered == ()
    assert (span.start, span.end) == pytest.approx((evidence[1].start, heard[5].end))


@pytest.mark.parametrize(("text", "size"), [("we've", 4), ("3.5", 8), ("你好", 6), ("नमस्ते", 6)])
def test_what_there_is_to_say_in_other_scripts(text, size):
    assert letters(text) == size
