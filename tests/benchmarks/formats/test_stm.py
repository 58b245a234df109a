from __future__ import annotations

import pytest

from benchmarks.formats.stm import parse_ctm, parse_stm, parse_trn, scored
from benchmarks.formats.types import FormatError, TimedWord, Utterance

STM = """\
;; CATEGORY "0" "" ""
talk 1 talk 0.00 15.861 <o,,unknown> ignore_time_segment_in_scoring
talk 1 speaker 15.861 20.5 <o,f0,male> thank you i 'd like
talk 1 speaker 20.5 22
"""


def test_stm_segments() -> None:
    assert parse_stm(STM)[1:] == (
        Utterance("talk", 15.861, 20.5, "thank you i 'd like", "speaker"),
        Utterance("talk", 20.5, 22.0, "", "speaker"),
    )


def test_segments_that_are_not_scored() -> None:
    assert len(scored(parse_stm(STM))) == 2


def test_ctm_words_in_time_order() -> None:
    words = parse_ctm("b 1 2.0 0.5 two 0.9\nb 1 1.0 0.5 one\na A 0 1 x\n")
    assert words == {
        "b": (TimedWord("one", 1.0, 1.5), TimedWord("two", 2.0, 2.5)),
        "a": (TimedWord("x", 0.0, 1.0),),
    }


def test_trn() -> None:
    assert parse_trn("A (B) C (UTT-1)\n(utt-2)\n") == {"utt-1": "A (B) C", "utt-2": ""}


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_stm, "talk 1 speaker 0"),
        (parse_stm, "talk 1 speaker zero 1 a"),
        (parse_ctm, "talk 1 0.0 a"),
        (parse_ctm, "talk 1 zero 1 a"),
        (parse_trn, "no id here"),
    ],
)
def test_broken_lines_are_named(parse, text: str) -> None:
    with pytest.raises(FormatError, match="line 1"):
        parse(text)
