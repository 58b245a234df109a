"""What is measured: a recording of people (or of none) with what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from benchmarks.items import Item
from chunking.types import Span

Kind = Literal["read", "spoken", "meeting", "calls", "nonspeech", "between", "digits", "languages"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SPEECH: Final[tuple[Kind, ...]] = ("read", "spoken", "meeting", "calls")
"""Kinds of English speech, whose words are pooled."""


@dataclass(frozen=True, slots=True)
class HumanRecording:
    """`item` and its kind; `language` None where nobody speaks.

    English is transcribed as English. Of the others, kind "languages", the recogniser is told
    nothing (`item.language` is empty), so that what it takes them for is measured too; some of
    them have no reference. `quiet`: where nobody speaks in a recording of the kind "between".
    """

    item: Item
    kind: Kind
    language: str | None
    quiet: Span | None = None
