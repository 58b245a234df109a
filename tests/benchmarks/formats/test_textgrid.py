from __future__ import annotations

import pytest

from benchmarks.formats.textgrid import Tier, parse_textgrid
from benchmarks.formats.types import FormatError, TimedWord

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words 2"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1
            text = "hello"
        intervals [2]:
            xmin = 1
            xmax = 1.5
            text = ""
        intervals [3]:
            xmin = 1.5
            xmax = 2.5
            text = "she ""said"" 12"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 0.5
            mark = "x"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
1
"IntervalTier"
"words 2"
0
2.5
2
0
1
"hello"
1.5
2.5
"she ""said"" 12"
"""
EXPECTED = Tier("words 2", (TimedWord("hello", 0, 1), TimedWord('she "said" 12', 1.5, 2.5)))


@pytest.mark.parametrize("text", [LONG, SHORT])
def test_both_forms(text: str) -> None:
    assert parse_textgrid(text) == (EXPECTED,)


@pytest.mark.parametrize("text", ["", "hello", SHORT[:120]])
def test_not_a_textgrid(text: str) -> None:
    with pytest.raises(FormatError, match="TextGrid"):
        parse_textgrid(text)
