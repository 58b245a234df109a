from __future__ import annotations

import pytest

from benchmarks.formats.nlp import (
    parse_nlp,
    parse_norm,
    plain_text,
    text_with_choices,
    timed_words,
)
from benchmarks.formats.types import FormatError, TimedWord

NLP = """\
token|speaker|ts|endTs|punctuation|case|tags|wer_tags
It|1|0.5|0.7|,|UC|[]|[]
costs|1||||LC|[]|[]
$10|1||||LC|['0:MONEY']|['0']
billions|1||||LC|['0:MONEY']|['0']
in|1||||LC|[]|[]
2020|2||||CA|['1:YEAR', '4:DATE']|['1']
"""
NORM = """{"0": {"candidates": [{"probability": 0.9, "verbalization": ["ten", "billions"]}],
 "class": "MONEY"}, "7": {"candidates": [], "class": "YEAR"}}"""


def test_plain_text() -> None:
    assert plain_text(parse_nlp(NLP)) == "It costs $10 billions in 2020"


def test_columns_by_name() -> None:
    token = parse_nlp(NLP)[0]
    assert (token.text, token.speaker, token.start, token.end) == ("It", "1", 0.5, 0.7)
    assert token.punctuation == ","
    assert parse_nlp(NLP)[5].entity == "1"


def test_readings_of_norm_json_and_the_written_form() -> None:
    text = text_with_choices(parse_nlp(NLP), parse_norm(NORM))
    assert text == "It costs { $10 billions / ten billions } in 2020"


def test_only_trusted_times() -> None:
    aligned = (
        "token|speaker|ts|endTs|punctuation|prepunctuation|case|tags|wer_tags|oldTs|oldEndTs|"
        "ali_comment|confidence\n"
        "a|1|1.0|2.0|||CA|[]|[]||||\n"
        "b|1|3.0|4.0|||LC|[]|[]|||sub(x)|\n"
        "c|1||||LC||[]|[]|||del|\n"
    )
    assert timed_words(parse_nlp(aligned)) == (TimedWord("a", 1.0, 2.0),)


def test_bar_as_a_token() -> None:
    assert parse_nlp("token|speaker|tags\n||1|[]\n")[0].text == "|"


def test_empty_file() -> None:
    assert parse_nlp("") == ()


def test_no_header() -> None:
    with pytest.raises(FormatError, match="names its columns"):
        parse_nlp("Good|0||||UC|[]\n")


def test_punctuation_in_the_column_of_a_time() -> None:
    # as line 1576 of Earnings-21's 4346923.nlp
    (token,) = parse_nlp("token|speaker|ts|endTs|punctuation\nplants.|3||.|\n")
    assert (token.text, token.start, token.end) == ("plants.", None, None)


def test_bad_tags_name_the_line() -> None:
    with pytest.raises(FormatError, match="line 2"):
        parse_nlp("token|ts|tags\na||['0\n")


def test_bad_norm() -> None:
    with pytest.raises(FormatError, match="not a norm"):
        parse_norm('{"0": {"class": "MONEY"}}')
