"""Words of a clip on the recording's clock."""

from dataclasses import replace

import pytest

from chunking.types import Span, Window
from decoding.types import Attempt, Decoded, DecodedWord, TimedText
from transcription.words import place_words

WINDOW = Window(index=4, start=100.0, end=130.0)


def word(text, start, end):
    return DecodedWord(text, start, end, 0.9, (7, 8))


def attempt(temperature, verdict):
    return Attempt(temperature, -0.3, 1.5, verdict)


DECODED = Decoded(
    text=" Hello there.",
    tokens=(1, 2, 3),
    words=(word(" Hello", 0.5, 1.0), word(" there.", 1.0, 1.75)),
    timed_text=(TimedText(0.0, 2.0, " Hello there."),),
    language="en",
    avg_logprob=-0.3,
    no_speech_prob=0.1,
    compression_ratio=1.5,
    temperature=0.0,
    is_truncated=True,
    attempts=(attempt(0.0, "accepted"),),
)


def test_times_move_by_the_start_of_the_window():
    piece = place_words(DECODED, WINDOW)
    assert [(w.text, w.start, w.end) for w in piece.words] == [
        (" Hello", 100.5, 101.0),
        (" there.", 101.0, 101.75),
    ]
    assert piece.timed_text == (Span(100.0, 102.0),)


def test_words_know_where_they_come_from():
    piece = place_words(DECODED, WINDOW)
    assert [(w.window, w.index) for w in piece.words] == [(4, 0), (4, 1)]
    assert piece.words[0].tokens == (7, 8)
    assert piece.words[0].probability == 0.9


def test_figures_are_kept():
    piece = place_words(DECODED, WINDOW)
    assert piece.window == WINDOW
    assert (piece.avg_logprob, piece.no_speech_prob, piece.compression_ratio) == (-0.3, 0.1, 1.5)
    assert piece.is_truncated
    assert piece.language == "en"
    assert piece.attempts == ("accepted",)


def test_no_speech_means_no_words():
    silent = replace(DECODED, attempts=(attempt(0.0, "no_speech"),))
    piece = place_words(silent, WINDOW)
    assert piece.words == ()
    assert piece.timed_text == ()
    assert piece.attempts == ("no_speech",)


@pytest.mark.parametrize("verdict", ["repetitive", "improbable"])
def test_a_poor_attempt_keeps_its_words(verdict):
    assert len(place_words(replace(DECODED, attempts=(attempt(0.0, verdict),)), WINDOW).words) == 2


def test_the_kept_attempt_comes_last():
    climbed = replace(
        DECODED,
        temperature=0.2,
        attempts=(
            attempt(0.0, "repetitive"),
            attempt(0.2, "improbable"),
            attempt(0.4, "repetitive"),
        ),
    )
    assert place_words(climbed, WINDOW).attempts == ("repetitive", "repetitive", "improbable")


def test_words_stay_inside_the_window():
    wild = replace(
        DECODED, words=(word(" a", -0.2, 0.1), word(" b", 29.9, 31.0), word(" c", 40, 39))
    )
    piece = place_words(wild, WINDOW)
    assert [(w.start, w.end) for w in piece.words] == [
        (100.0, 100.1),
        (129.9, 130.0),
        (130.0, 130.0),
    ]


def test_a_word_never_ends_before_it_starts():
    (placed,) = place_words(replace(DECODED, words=(word(" a", 2.0, 1.0),)), WINDOW).words
    assert placed.start == placed.end == 102.0


def test_blank_words_are_left_out():
    words = (word(" ", 0, 0.1), word(" a", 0.1, 0.2), word("", 0.2, 0.3))
    piece = place_words(replace(DECODED, words=words), WINDOW)
    assert [(w.text, w.index) for w in piece.words] == [(" a", 0)]


def test_nothing_heard():
    assert place_words(replace(DECODED, words=(), timed_text=()), WINDOW).words == ()
