from dataclasses import replace

from chunking.types import Coverage, Seam, Segment, Span, Word
from transcription.channels import interleave
from transcription.types import Transcript


def track(starts: list[float], duration: float) -> Transcript:
    words = tuple(
        Word(f" w{start:g}", start, start + 1, 1.0, (), 0, index)
        for index, start in enumerate(starts)
    )
    segments = tuple(
        Segment(number, word.start, word.end, word.text, (word,), 0.0, 0.0, 1.0, 0.0, "en")
        for number, word in enumerate(words)
    )
    coverage = Coverage(
        10.0, 1.0, (Span(duration - 1, duration),), seams=(Seam(0, 1, 5, "agreed"),)
    )
    return Transcript("en", duration, segments, coverage, 2, "toy")


def test_one_track_is_left_alone():
    one = track([0.0], 10.0)
    assert interleave([one], [None]) is one


def test_the_language_is_that_of_most_words_whichever_track_they_are_on():
    def in_german(track):
        segments = [replace(segment, language="de") for segment in track.segments]
        return replace(track, language="de", segments=tuple(segments))

    silent, one, two = track([], 10.0), track([1.0], 10.0), in_german(track([2.0, 4.0], 10.0))
    assert interleave([silent, two], [0, 1]).language == "de"
    assert interleave([one, two], [0, 1]).language == "de"
    assert interleave([two, one], [0, 1]).language == "de"
    assert interleave([in_german(silent), silent], [0, 1]).language == "de"


def test_channels_share_one_clock():
    both = interleave([track([0.0, 4.0], 10.0), track([2.0, 4.0], 12.0)], [0, 1])
    assert [(s.id, s.start, s.channel) for s in both.segments] == [
        (0, 0.0, 0),
        (1, 2.0, 1),
        (2, 4.0, 0),
        (3, 4.0, 1),
    ]
    assert both.text == "w0 w2 w4 w4"
    assert both.duration == 12.0
    assert both.windows == 4
    assert both.coverage.speech_seconds == 20.0
    assert both.coverage.uncovered == (Span(9.0, 10.0), Span(11.0, 12.0))
    assert both.coverage.seams_with("agreed") == 2
