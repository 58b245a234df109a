"""References with several right readings, as one line of text.

    he said { twenty / 20 / @ } dollars        NIST's notation: one of these, `@` is nothing

Braces and slashes are markup only where blanks surround them and the caller asks for it.
Readings of Rev's norm.json and of synonym rules are written into the same notation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from benchmarks.alignment import Alternative, Reference
from benchmarks.normalizers import Normalizer

NOTHING = "@"
MAX_READINGS = 64  # of one choice; more is a broken file, not a language

Words = tuple[str, ...]


class MarkupError(ValueError):
    """Braces that do not match, or a choice with too many readings."""


def plain_reference(text: str, normalizer: Normalizer) -> Reference:
    """The text as it stands, without alternatives."""
    return Reference(normalizer.words(text))


def parse_reference(text: str, normalizer: Normalizer) -> Reference:
    """Text with `{ a / b }` choices as a graph of normalised words.

    The longest stretches without a choice are normalised as one, so that numbers of several words
    are seen whole. The first reading that has words is the base; the others are alternatives.
    """
    words: list[str] = []
    alternatives: list[Alternative] = []
    for readings in _split(text.split()):
        normalised = [normalizer.words(" ".join(reading)) for reading in readings]
        base = next((reading for reading in normalised if reading), ())
        if base:
            start, end = len(words), len(words) + len(base)
            others = dict.fromkeys(reading for reading in normalised if reading != base)
            alternatives.extend(Alternative(start, end, reading) for reading in others)
            words.extend(base)
    return Reference(tuple(words), tuple(alternatives))


def choice(readings: Iterable[Sequence[str]]) -> str:
    """Readings written as one choice; a single reading is written as it is."""
    written = list(dict.fromkeys(" ".join(reading) or NOTHING for reading in readings))
    return written[0] if len(written) == 1 else "{ " + " / ".join(written) + " }"


def _split(tokens: Sequence[str]) -> Iterator[list[Words]]:
    """Stretches of text in order, each as its readings (one where there is no choice)."""
    plain: list[str] = []
    position = 0
    while position < len(tokens):
        if tokens[position] == "{":
            if plain:
                yield [tuple(plain)]
                plain = []
            readings, position = _parse_choice(tokens, position)
            yield readings
        elif tokens[position] == "}":
            raise MarkupError("a closing brace has no opening brace")
        else:
            plain.append(tokens[position])
            position += 1
    if plain:
        yield [tuple(plain)]


def _parse_choice(tokens: Sequence[str], position: int) -> tuple[list[Words], int]:
    """Readings of the choice that opens at `position`, and the position after it."""
    readings: list[Words] = []
    parts: list[list[Words]] = []
    position += 1
    while position < len(tokens):
        token = tokens[position]
        if token == "{":
            inner, position = _parse_choice(tokens, position)
            parts.append(inner)
            continue
        if token in ("/", "}"):
            readings.extend(_combinations(parts))
            parts = []
            if token == "}":
                return readings, position + 1
        elif token != NOTHING:
            parts.append([(token,)])
        position += 1
    raise MarkupError("an opening brace has no closing brace")


def _combinations(parts: list[list[Words]]) -> list[Words]:
    count = 1
    for part in parts:
        count *= len(part)
    if count > MAX_READINGS:
        raise MarkupError(f"a choice has {count} readings, more than {MAX_READINGS}")
    return [tuple(word for words in chosen for word in words) for chosen in product(*parts)]


@dataclass(frozen=True, slots=True)
class SynonymRules:
    """`rules[left]` may be heard where the reference says `left`. One way, one pass."""

    rules: Mapping[Words, tuple[Words, ...]]

    @classmethod
    def parse(cls, text: str) -> SynonymRules:
        """fstalign's file: `left | right ; right`, `#` starts a comment line."""
        rules: dict[Words, tuple[Words, ...]] = {}
        for line in text.splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            left, bar, right = line.partition("|")
            if not bar:
                raise MarkupError(f"a synonym rule needs a bar between its sides: {line.strip()!r}")
            readings = tuple(tuple(reading.split()) for reading in right.split(";"))
            rules[tuple(left.split())] = rules.get(tuple(left.split()), ()) + readings
        return cls(rules)

    def widen(self, reference: Reference) -> Reference:
        """The reference with synonyms of its words and of its alternatives' words allowed.

        A synonym does not reach from a choice into the words beside it.
        """
        edges = {edge for a in reference.alternatives for edge in (a.start, a.end)}
        added = [
            Alternative(start, end, reading)
            for start, end, reading in self._matches(reference.words)
            if not any(start < edge < end for edge in edges)
        ]
        for alternative in reference.alternatives:
            words = alternative.words
            added.extend(
                Alternative(alternative.start, alternative.end, words[:i] + reading + words[j:])
                for i, j, reading in self._matches(words)
            )
        return Reference(reference.words, reference.alternatives + tuple(added))

    def _matches(self, words: Words) -> Iterator[tuple[int, int, Words]]:
        longest = max((len(left) for left in self.rules), default=0)
        for start in range(len(words)):
            for end in range(start + 1, min(start + longest, len(words)) + 1):
                for reading in self.rules.get(words[start:end], ()):
                    yield start, end, reading
