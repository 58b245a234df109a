"""Rev's NLP references (one token a line, columns by name) and their norm.json.

norm.json says how a written form such as `$10` may have been spoken. Both are written into one
reference with choices; the written form itself stays one of the readings, as in fstalign.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.formats.types import FormatError, TimedWord
from benchmarks.markup import choice

Readings = Mapping[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class NlpToken:
    """`entity` is the label that norm.json knows, or "". Times are None where there are none.

    `is_trusted`: the aligner paired this token with the same word at these times.
    """

    text: str
    speaker: str
    start: float | None = None
    end: float | None = None
    punctuation: str = ""
    entity: str = ""
    is_trusted: bool = False


def parse_nlp(text: str) -> tuple[NlpToken, ...]:
    """Tokens in order. Column names come from the first line; unknown columns are ignored."""
    lines = text.splitlines()
    if not lines:
        return ()
    header = [column.strip() for column in lines[0].split("|")]
    if "token" not in header:
        raise FormatError("line 1: an NLP file names its columns, the first of them token")
    tokens = []
    for number, line in enumerate(lines[1:], start=2):
        if line.strip():
            # a token may itself be a bar: the columns after it are counted from the right
            fields = line.split("|")
            extra = len(fields) - len(header)
            if extra > 0:
                fields = ["|".join(fields[: extra + 1]), *fields[extra + 1 :]]
            tokens.append(_token(number, dict(zip(header, fields, strict=False))))
    return tuple(tokens)


def _token(number: int, row: Mapping[str, str]) -> NlpToken:
    try:
        tags = ast.literal_eval(row.get("tags") or "[]")
    except (ValueError, SyntaxError) as error:
        raise FormatError(f"line {number}: {error}") from error
    start = _seconds(row.get("ts"))
    return NlpToken(
        text=row["token"].strip(),
        speaker=row.get("speaker", ""),
        start=start,
        end=_seconds(row.get("endTs")),
        punctuation=row.get("punctuation", ""),
        entity=str(tags[0]).partition(":")[0] if tags else "",
        is_trusted=start is not None and row.get("ali_comment", "") == "",
    )


def _seconds(field: str | None) -> float | None:
    """None where there is no time: a row of Earnings-21 has its full stop there."""
    try:
        return float(field or "")
    except ValueError:
        return None


def parse_norm(text: str) -> Readings:
    """norm.json: the ways in which each labelled entity may be spoken."""
    try:
        entities = json.loads(text)
        return {
            label: tuple(tuple(c["verbalization"]) for c in entity["candidates"])
            for label, entity in entities.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"not a norm.json: {error}") from error


def plain_text(tokens: Sequence[NlpToken]) -> str:
    """Column `token` joined by blanks: what Whisper's tables score."""
    return " ".join(token.text for token in tokens)


def text_with_choices(tokens: Sequence[NlpToken], readings: Readings) -> str:
    """The tokens with a choice where norm.json gives other readings of an entity."""
    parts = []
    for entity, group in groupby(tokens, key=lambda token: token.entity):
        written = tuple(token.text for token in group)
        if entity and readings.get(entity):
            parts.append(choice((written, *readings[entity])))
        else:
            parts.extend(written)
    return " ".join(parts)


def timed_words(tokens: Sequence[NlpToken]) -> tuple[TimedWord, ...]:
    """Tokens whose times may be trusted."""
    return tuple(
        TimedWord(token.text, token.start, max(token.start, token.end))
        for token in tokens
        if token.is_trusted and token.start is not None and token.end is not None
    )
