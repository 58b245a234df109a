"""Chinese in the script that was asked for, by OpenCC's tables. Moves no word and no time.

Whisper writes simplified or traditional characters as its training had them, often both in one
recording. The tables replace characters one for one, by the phrase that they stand in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from chunking.packed import Packed
from chunking.text.segments import SEGMENTS_PACKED
from chunking.types import Segment
from transcription.language_names import CHINESE, Script

if TYPE_CHECKING:
    from opencc import OpenCC

TABLES: dict[Script, str] = {"Hans": "t2s", "Hant-TW": "s2tw", "Hant-HK": "s2hk"}


def in_script(segments: Sequence[Segment], script: Script | None) -> Sequence[Segment]:
    """The segments with their Chinese in `script`; as they are where none was asked for."""
    if script is None:
        return segments
    written = (
        _written(segment, script) if segment.language in CHINESE else segment
        for segment in segments
    )
    return Packed(written, block=SEGMENTS_PACKED)


def _written(segment: Segment, script: Script) -> Segment:
    text = _converter(script).convert(segment.text)
    assert len(text) == len(segment.text), "the tables replace characters one for one"
    words, first = [], 0
    for word in segment.words:
        end = first + len(word.text)
        words.append(replace(word, text=text[first:end]))
        first = end
    return replace(segment, text=text, words=tuple(words))


@cache
def _converter(script: Script) -> OpenCC:
    from opencc import OpenCC  # reads its tables: half a second, for those alone who need them

    return OpenCC(TABLES[script])
