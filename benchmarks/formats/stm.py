"""NIST's STM (reference segments) and CTM (words with times). Comment lines start with `;;`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.formats.types import FormatError, TimedWord, Utterance

IGNORED = "ignore_time_segment_in_scoring"


def parse_stm(text: str) -> tuple[Utterance, ...]:
    """Segments in file order; those marked to be ignored in scoring keep that text.

    Columns: recording, channel, speaker, start, end, optional `<labels>`, then the words.
    """
    return tuple(_stm_line(number, line) for number, line in _lines(text))


def scored(utterances: tuple[Utterance, ...]) -> tuple[Utterance, ...]:
    """Without the segments that the file says not to score."""
    return tuple(u for u in utterances if u.text.lower() != IGNORED)


def _stm_line(number: int, line: str) -> Utterance:
    fields = line.split(maxsplit=5)
    if len(fields) < 5:
        raise FormatError(f"line {number}: an STM line has five columns or more")
    recording, _, speaker, start, end = fields[:5]
    words = fields[5] if len(fields) == 6 else ""
    if words.startswith("<") and ">" in words:
        words = words[words.index(">") + 1 :]
    try:
        return Utterance(recording, float(start), float(end), words.strip(), speaker)
    except ValueError as error:
        raise FormatError(f"line {number}: times of an STM line are numbers") from error


def parse_ctm(text: str) -> dict[str, tuple[TimedWord, ...]]:
    """Words of each recording in time order.

    Columns: recording, channel, start, duration, word, optional confidence.
    """
    words: dict[str, list[TimedWord]] = {}
    for number, line in _lines(text):
        fields = line.split()
        if len(fields) < 5:
            raise FormatError(f"line {number}: a CTM line has five columns or more")
        try:
            start, duration = float(fields[2]), float(fields[3])
        except ValueError as error:
            raise FormatError(f"line {number}: times of a CTM line are numbers") from error
        words.setdefault(fields[0], []).append(TimedWord(fields[4], start, start + duration))
    return {name: tuple(sorted(w, key=lambda word: word.start)) for name, w in words.items()}


def parse_trn(text: str) -> dict[str, str]:
    """NIST's lines `words (id)` by id, folded: systems change the case of ids."""
    transcripts: dict[str, str] = {}
    for number, line in _lines(text):
        words, bracket, name = line.rpartition("(")
        if not bracket or not name.rstrip().endswith(")"):
            raise FormatError(f"line {number}: a transcript line ends in (utterance id)")
        name = name.rstrip()[:-1]
        transcripts[name.lower()] = words.strip()
    return transcripts


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith(";;"):
            yield number, line
