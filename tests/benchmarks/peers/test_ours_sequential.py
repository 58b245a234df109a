"""Windows follow what was written, as in openai-whisper's `transcribe`."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.checkpoint_conversion import MULTILINGUAL_VOCABULARY, encoding_of
from benchmarks.peers.ours_sequential import OursSequential, written_of
from benchmarks.peers.types import PeerSpec
from decoding.types import (
    Attempt,
    Clip,
    Decoded,
    DecodedWord,
    DecodingOptions,
    EngineStatistics,
    ModelCard,
    TimedText,
)

BEGIN = 100  # tokens from here on are timestamps, fifty for a second


def decoded(*segments: tuple[float, float | None], verdict: str = "accepted") -> Decoded:
    """A word a second in segments from a start to an end; the last one may have no end."""
    tokens: list[int] = []
    words: list[DecodedWord] = []
    timed: list[TimedText] = []
    for start, end in segments:
        last = 30.0 if end is None else end
        some = [DecodedWord(f" w{t}", t, t + 0.8, 0.9, (t,)) for t in range(int(start), int(last))]
        tokens += [BEGIN + int(start * 50), *(word.tokens[0] for word in some)]
        tokens += [] if end is None else [BEGIN + int(end * 50)]
        words += some
        timed.append(TimedText(start, last, "".join(word.text for word in some)))
    text = "".join(word.text for word in words).strip()
    attempt = Attempt(0.0, -0.1, 1.0, verdict)  # type: ignore[arg-type]  # a literal of its own
    return replace(
        Decoded.without_text(language="de"),
        text=text,
        tokens=tuple(tokens),
        words=tuple(words),
        timed_text=tuple(timed),
        attempts=(attempt,),
    )


@pytest.mark.parametrize(
    ("segments", "words", "is_whole"),
    [
        ([(0.0, 5.0), (5.0, 12.0)], 12, True),  # one timestamp at the end: nothing follows
        ([(0.0, 5.0), (5.0, None)], 5, False),  # what has no end is left to the next window
        ([(0.0, None)], 30, False),  # it never ended a segment: all of it stays
    ],
)
def test_what_a_window_wrote_to_its_end(segments, words: int, is_whole: bool) -> None:
    found = written_of(decoded(*segments), BEGIN)
    assert len(found.decoded.words) == words
    assert found.decoded.text.split() == [f"w{n}" for n in range(words)]
    assert found.is_whole is is_whole


def test_a_segment_that_ended_at_two_timestamps_is_kept() -> None:
    whole = decoded((0.0, 5.0))
    found = written_of(replace(whole, tokens=(*whole.tokens, BEGIN + 250)), BEGIN)
    assert (len(found.decoded.words), found.is_whole) == (5, False)


def test_silence_is_skipped_whole() -> None:
    assert written_of(decoded((0.0, 5.0), (5.0, None), verdict="no_speech"), BEGIN).is_whole


class Engine:
    """Answers clip after clip with what it was given, and remembers what it was asked."""

    model = ModelCard("toy", True, tuple(f"l{n}" for n in range(99)), 0, "cpu", "fp32")

    def __init__(self, *answers: Decoded) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, DecodingOptions]] = []
        self.is_closed = False

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        self.asked.append((clip.seconds, options))
        future: Future[Decoded] = Future()
        future.set_result(self.answers.pop(0))
        return future

    def cancel(self, group: str) -> None:
        raise AssertionError(group)

    def statistics(self) -> EngineStatistics:
        return EngineStatistics(slots=1)

    def close(self) -> None:
        self.is_closed = True


def real(one: Decoded) -> Decoded:
    """The same with the timestamps of Whisper's own vocabulary."""
    first = encoding_of(MULTILINGUAL_VOCABULARY)[0].encode_single_token("<|0.00|>")
    tokens = tuple(t - BEGIN + first if t >= BEGIN else t for t in one.tokens)
    return replace(one, tokens=tokens)


def test_a_window_begins_where_the_last_one_stopped(tmp_path: Path, make_sound) -> None:
    engine = Engine(
        real(decoded((0.0, 8.0), (8.0, None))),
        real(decoded((0.0, 30.0))),
        real(decoded((0.0, 2.0))),
    )
    peer = OursSequential(PeerSpec(previous_text=False), engine)
    heard = peer.transcribe(make_sound(tmp_path / "a.wav", 40.0), None)
    assert [seconds for seconds, _ in engine.asked] == pytest.approx([30.0, 30.0, 2.2])
    assert [options.language for _, options in engine.asked] == [None, "de", "de"]
    assert [options.prompt for _, options in engine.asked] == [None] * 3
    assert (heard.windows, heard.language) == (3, "de")
    starts = [word.start for word in heard.words]
    assert starts[:9] == pytest.approx([*range(8), 7.8])  # 7.8: where w7 ended
    assert len(starts) == 8 + 30 + 2
    peer.close()
    assert engine.is_closed


def test_a_phase_makes_the_first_window_shorter(tmp_path: Path, make_sound) -> None:
    engine = Engine(*[real(decoded((0.0, 2.0)))] * 3)
    spec = PeerSpec(previous_text=False, phase=12.0)
    OursSequential(spec, engine).transcribe(make_sound(tmp_path / "a.wav", 60.0), "de")
    assert [seconds for seconds, _ in engine.asked] == pytest.approx([18.0, 30.0, 12.0])


def test_previous_text_is_passed_on_if_asked_for(tmp_path: Path, make_sound) -> None:
    unsure = replace(real(decoded((0.0, 30.0))), temperature=0.8)
    engine = Engine(real(decoded((0.0, 2.0))), unsure, real(decoded((0.0, 2.0))))
    OursSequential(PeerSpec(), engine).transcribe(make_sound(tmp_path / "a.wav", 62.0), "de")
    assert [options.prompt for _, options in engine.asked] == [None, "w0 w1", None]
