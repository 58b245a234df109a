"""Words of a clip on the recording's clock."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def spoken_to_the_end(*stretches, until=129.0, threshold=-1.0, **of_decoded):
    """Texts of a second each with the probabilities of their words; somebody speaks on."""
    words = [DecodedWord(f" {text}", 0.5, 1.0, p, (7,)) for text, *ps in stretches for p in ps]
    timed = tuple(
        TimedText(second, second + 1.0, f" {text}" * len(ps))
        for second, (text, *ps) in enumerate(stretches)
    )
    text = "".join(one.text for one in timed)
    decoded = replace(DECODED, text=text, words=tuple(words), timed_text=timed, **of_decoded)
    window = replace(WINDOW, spoken_until=until)
    piece = place_words(decoded, window, logprob_threshold=threshold)
    assert len(piece.timed_text) == len({w.text for w in piece.words})
    return "".join(w.text for w in piece.words)


def test_what_a_model_is_made_to_write_counts_if_it_is_probable():
    assert spoken_to_the_end(("a", 0.9, 0.9), ("b", 0.1, 0.3), ("c", 0.2)) == " a a"
    assert spoken_to_the_end(("a", 0.9), ("b", 0.2, 0.2), ("c", 0.3, 0.7)) == " a b b c c"
    assert spoken_to_the_end(("a", 0.1), ("b", 0.0)) == " a"  # the first was its own choice
    assert spoken_to_the_end(("a", 0.9), ("b", 0.2), threshold=-2.0) == " a b"


@pytest.mark.parametrize(
    "left_alone",
    [
        {"temperature": 0.2},
        {"until": 102.5},  # nobody speaks long enough behind the first second
        {"until": None},
        {"attempts": (attempt(0.0, "improbable"),)},
        {"threshold": None},
    ],
)
def test_improbable_words_stay_where_nobody_made_a_model_write_them(left_alone):
    assert spoken_to_the_end(("a", 0.9), ("b", 0.1), ("c", 0.1), **left_alone).startswith(" a b")
    assert spoken_to_the_end(("a", 0.9), ("b", 0.1)) == " a"


def test_likely_languages_are_kept():
    assert place_words(DECODED, WINDOW).languages == ()  # it was told
    heard = replace(DECODED, language_probabilities={"de": 0.75, "en": 0.245, "fi": 0.005})
    assert place_words(heard, WINDOW).languages == (("de", 0.75), ("en", 0.245))


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


@pytest.mark.parametrize(
    ("text", "is_said"), [(" .", False), (" ♪", False), (" 7", True), (" 你", True)]
)
def test_marks_alone_are_no_words(text, is_said):
    words = tuple(word(text, start, start + 0.5) for start in (1.0, 2.0))
    found = (TimedText(1.0, 3.0, 2 * text),)
    decoded = replace(DECODED, text=2 * text, words=words, timed_text=found)
    piece = place_words(decoded, WINDOW)
    assert (bool(piece.words), bool(piece.timed_text)) == (is_said, is_said)


@pytest.mark.parametrize("verdict", ["repetitive", "improbable"])
def test_a_poor_attempt_keeps_its_words(verdict):
    assert len(place_words(replace(DECODED, attempts=(attempt(0.0, verdict),)), WINDOW).words) == 2


def test_the_kept_attempt_comes_last():
    climbed = replace(
        DECODED,
        temperature=0.2,
        kept=1,
        attempts=(
            attempt(0.0, "repetitive"),
            attempt(0.2, "improbable"),
            attempt(0.4, "repetitive"),
        ),
    )
    assert place_words(climbed, WINDOW).attempts == ("repetitive", "repetitive", "improbable")


def test_of_attempts_at_one_temperature_the_kept_one_is_known():
    twice = (attempt(0.4, "improbable"), attempt(0.4, "repetitive"))
    climbed = replace(DECODED, temperature=0.4, kept=0, attempts=twice)
    assert climbed.verdict == "improbable"
    assert place_words(climbed, WINDOW).attempts == ("repetitive", "improbable")


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


def timeless(*texts, at=0.0):
    return tuple(word(f" {text}", at, at) for text in texts)


def placed(words, *spans_and_texts):
    timed = tuple(TimedText(start, end, text) for start, end, text in spans_and_texts)
    heard = replace(DECODED, words=tuple(words), timed_text=timed)
    return place_words(heard, Window(0, 0.0, 30.0)).words


def test_a_sentence_behind_a_silence_that_has_no_time_ends_with_its_text():
    """The first timestamp may not lie later than a second, so it says nothing of the silence."""
    words = placed(
        (*timeless("Do", "I", "buy", "the", "film", "there?"), word(" When", 9.84, 10.0)),
        (1.0, 8.78, " Do I buy the film there?"),
        (9.86, 11.84, " When"),
    )
    assert words[5].end == pytest.approx(8.78)
    assert 6.9 < words[0].start < 7.5
    assert all(a.end == pytest.approx(b.start) for a, b in pairwise(words[:6]))
    assert (words[6].start, words[6].end) == (9.84, 10.0)


def test_words_without_time_behind_a_word_that_has_some_follow_it():
    words = placed(
        (
            *(word(f" {text}", 3.0 + n / 5, 3.2 + n / 5) for n, text in enumerate("abc")),
            *timeless("love", "the", "page.", at=3.6),
        ),
        (3.0, 8.0, " a b c love the page."),
    )
    assert words[3].start == pytest.approx(3.6)
    assert 4.0 < words[5].end < 5.2


def test_a_word_that_the_alignment_left_in_the_silence_comes_along():
    words = placed(
        (
            *timeless("Do", "I", "buy", "the"),
            word(" film", 0.0, 0.42),
            *timeless("there?", at=0.42),
        ),
        (1.0, 4.84, " Do I buy the film there?"),
    )
    assert words[5].end == pytest.approx(4.84)
    assert 3.0 < words[0].start < 3.5


def test_words_without_time_before_a_word_that_has_some_lead_to_it():
    words = placed(
        (*timeless("we", "love", "the"), word(" page.", 6.0, 6.5)),
        (1.0, 6.5, " we love the page."),
    )
    assert words[2].end == pytest.approx(6.0)
    assert words[0].start > 4.5


def test_little_room_is_shared():
    words = placed(
        timeless("one", "two", "three", "four", at=2.0), (2.0, 2.4, " one two three four")
    )
    assert words[0].start == pytest.approx(2.0)
    assert words[-1].end == pytest.approx(2.4)


def test_one_or_two_words_without_time_stay():
    words = placed((*timeless("a", "b", at=1.0), word(" c", 1.0, 1.5)), (0.0, 4.0, " a b c"))
    assert [(w.start, w.end) for w in words] == [(1.0, 1.0), (1.0, 1.0), (1.0, 1.5)]


@given(
    st.lists(st.tuples(st.floats(0, 29), st.sampled_from([0.0, 0.0, 0.3]))),
    st.lists(st.floats(0, 30), max_size=6),
)
def test_no_word_is_lost_or_changed(times, edges):
    """Whatever the stretches: they may hold more or fewer words than there are."""
    heard = [word(f" w{n}", start, start + length) for n, (start, length) in enumerate(times)]
    spans = [(*sorted(pair), " w1 w2 w3") for pair in pairwise(edges)]
    words = placed(heard, *spans)
    assert [w.text for w in words] == [w.text for w in heard]
    assert all(0.0 <= w.start <= w.end <= 30.0 for w in words)
