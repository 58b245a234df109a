"""Reads manifests of recordings and joins short clips to long recordings, always the same ones.

Reads names and texts only; sound is joined when it is transcribed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.datasets.types import DatasetMissing
from benchmarks.formats.tables import parse_json_lines, read_text
from benchmarks.formats.types import FormatError, TimedWord, reading
from benchmarks.human.types import SPEECH, HumanRecording, Kind
from benchmarks.items import AudioPart, Item
from benchmarks.normalizers import LANGUAGES_WITHOUT_SPACES
from benchmarks.sound import seconds_of
from benchmarks.text_language import script_of
from chunking.types import Span

MANIFEST: Final = "manifest.jsonl"
FORMAT: Final = """A folder holds manifest.jsonl, one JSON object a line: `path` (from the
folder), `text` (what is said; null where nobody speaks), `language` (en, de, …), and where they
are known `style` or `kind` (below), `seconds`, `group` and `order` (clips of one reading), `set`
(else the path's first folder), `words` ([[text, start, end], …] on the file's clock) and
`synthetic` (true: left out). The style says the kind: *meeting*; *telephone* or *call*;
*non-speech*; *read*; any other is spoken. Without a style, `kind` is speech (read aloud) or
nonspeech; other kinds are left out. Texts of one digit each are joined 0.4 s apart in three
shuffled orders. Of each set without speech the longest clip is also heard for five minutes between
two short readings. Clips of a group, and clips of up to 30 s of one set, language and kind, are
joined in their order."""

GAP: Final = 0.5
LENGTH: Final = 600.0
CLIP_SECONDS: Final = 30.0
DIGIT_GAP: Final = 0.4
DIGIT_ORDERS: Final = 3
FEWEST_DIGITS: Final = 10
MIDDLE: Final = 300.0
SHORTEST_MIDDLE: Final = 5.0
SHORTEST_READING: Final = 10.0
DIGITS: Final = frozenset(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)


@dataclass(frozen=True, slots=True)
class Joining:
    """`gap`: seconds of silence between clips; `length`: seconds of a recording at most, or so."""

    gap: float = GAP
    length: float = LENGTH


@dataclass(frozen=True, slots=True)
class _Clip:
    path: Path
    text: str | None
    language: str | None
    kind: Kind
    seconds: float
    set: str
    group: str | None
    order: float
    words: tuple[TimedWord, ...]

    @property
    def is_digit(self) -> bool:
        text = (self.text or "").strip().lower()
        return self.kind in SPEECH and text in DIGITS

    @property
    def is_joined(self) -> bool:
        return self.kind != "nonspeech" and (self.group is not None or self.seconds <= CLIP_SECONDS)


def load_recordings(
    folders: Iterable[Path], joining: Joining | None = None
) -> tuple[HumanRecording, ...]:
    """Recordings of every folder's manifest, in its order; names are unique over all of them.

    Raises DatasetMissing for a folder without recordings and FormatError for a row that lacks
    what it needs.
    """
    found: list[HumanRecording] = []
    everything: list[_Clip] = []
    for folder in folders:
        clips = _read(folder)
        if not clips:
            raise DatasetMissing(f"{folder / MANIFEST} names no recording to measure")
        found.extend(_recordings(folder.name, clips, joining or Joining()))
        everything.extend(clips)
    found.extend(_between(everything))
    names = [recording.item.name for recording in found]
    if len(set(names)) < len(names):
        raise FormatError("two folders have one name and sets of one name: rename one of them")
    return tuple(found)


def _read(folder: Path) -> list[_Clip]:
    path = folder / MANIFEST
    if not path.is_file():
        raise DatasetMissing(f"there is no {MANIFEST} in {folder}")
    with reading(path):
        rows = parse_json_lines(read_text(path))
        clips = [_clip(folder, number, row) for number, row in enumerate(rows, start=1)]
    return _with_digits([clip for clip in clips if clip is not None])


def _with_digits(clips: Sequence[_Clip]) -> list[_Clip]:
    """Readings of one digit each are digits, where a set has more than a few of them."""
    digits = Counter(clip.set for clip in clips if clip.is_digit)
    return [
        replace(clip, kind="digits")
        if clip.is_digit and digits[clip.set] >= FEWEST_DIGITS
        else clip
        for clip in clips
    ]


def _clip(folder: Path, number: int, row: Mapping[str, Any]) -> _Clip | None:
    """A row's clip; None for one that is not to be measured."""
    kind = _kind_of(row)
    if kind is None or row.get("synthetic"):
        return None
    try:
        path = folder / str(row["path"])
        text = None if kind == "nonspeech" else _text_of(row)
        group, language = row.get("group"), row.get("language")
        if kind != "nonspeech" and language not in (None, "en"):
            kind = "languages"
            text = text if _is_scorable(text, language) else None
        elif kind != "nonspeech" and text is None:
            return None
        seconds = row.get("seconds")
        return _Clip(
            path=path,
            text=text,
            language=language,
            kind=kind,
            seconds=seconds_of(path) if seconds is None else float(seconds),
            set=str(row.get("set") or Path(str(row["path"])).parts[0]),
            group=None if group is None else str(group),
            order=float(row.get("order") or number),
            words=_words_of(row),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"row {number} cannot be used: {error!r}") from error


def _kind_of(row: Mapping[str, Any]) -> Kind | None:
    style, kind = str(row.get("style") or "").lower(), row.get("kind")
    if kind not in (None, "speech", "nonspeech"):
        return None
    if kind == "nonspeech" or "non-speech" in style:
        return "nonspeech"
    if "meeting" in style:
        return "meeting"
    if "telephone dialogue" in style or "call" in style.split():
        return "calls"
    return "read" if not style or "read" in style.split() else "spoken"


def _text_of(row: Mapping[str, Any]) -> str | None:
    """The text; some rows hold JSON with the text of one file in "transcription"."""
    text = row.get("text")
    if text is None:
        return None
    text = str(text)
    if text.lstrip().startswith("[{") or text.lstrip().startswith("[ {"):
        return " ".join(str(entry["transcription"]) for entry in json.loads(text))
    return text


def _is_scorable(text: str | None, language: str) -> bool:
    """Not Chinese in Latin letters: nobody writes what a recogniser could be compared with."""
    is_spelled_out = language in LANGUAGES_WITHOUT_SPACES and script_of(text or "") == "Latin"
    return text is not None and not is_spelled_out


def _words_of(row: Mapping[str, Any]) -> tuple[TimedWord, ...]:
    """Words as [text, start, end, …] or {"text", "start", "end"}, in order of time."""
    words = [
        TimedWord(str(w["text"]), float(w["start"]), float(w["end"]))
        if isinstance(w, Mapping)
        else TimedWord(str(w[0]), float(w[1]), float(w[2]))
        for w in row.get("words") or ()
    ]
    return tuple(words)


def _recordings(folder: str, clips: Sequence[_Clip], joining: Joining) -> list[HumanRecording]:
    """Each long clip for itself; joined clips where the first of them stands."""
    groups: dict[tuple[object, ...], list[_Clip]] = defaultdict(list)
    ordered: list[list[_Clip]] = []
    for clip in clips:
        if not clip.is_joined:
            ordered.append([clip])
            continue
        key = (clip.set, clip.group, clip.language, clip.kind, clip.text is None)
        if key not in groups:
            ordered.append(groups[key])
        groups[key].append(clip)
    found: list[HumanRecording] = []
    for some in ordered:
        name = f"{folder}/{some[0].set}"
        if len(some) == 1 and not some[0].is_joined:
            found.append(_joined(f"{name}/{some[0].path.name}", some, joining.gap))
        elif some[0].kind == "digits":
            found.extend(_digits(f"{name}-digits", some))
        else:
            found.extend(_parts(name, sorted(some, key=lambda clip: clip.order), joining))
    return found


def _parts(name: str, clips: Sequence[_Clip], joining: Joining) -> list[HumanRecording]:
    """As few recordings as `joining.length` allows, with as many clips in each."""
    seconds = sum(clip.seconds + joining.gap for clip in clips)
    count = max(math.ceil(seconds / joining.length), 1)
    size = math.ceil(len(clips) / count)
    parts = [clips[n : n + size] for n in range(0, len(clips), size)]
    first = clips[0]
    untexted = None if first.text is not None else "untexted"
    label = "-".join(p for p in (name, first.group, first.language, first.kind, untexted) if p)
    return [_joined(f"{label}-{n}", part, joining.gap) for n, part in enumerate(parts, start=1)]


def _digits(name: str, clips: Sequence[_Clip]) -> list[HumanRecording]:
    """The same digits in several orders, so that they lie elsewhere against windows' edges."""
    return [
        _joined(
            f"{name}-{order}", sorted(clips, key=lambda clip: _shuffled(clip, order)), DIGIT_GAP
        )
        for order in range(1, DIGIT_ORDERS + 1)
    ]


def _between(clips: Sequence[_Clip]) -> list[HumanRecording]:
    """The longest sound without speech of each set, over and over, between two readings."""
    readings = [
        c for c in clips if c.kind == "read" and SHORTEST_READING <= c.seconds <= CLIP_SECONDS
    ]
    longest: dict[str, _Clip] = {}
    for clip in clips:
        known = longest.get(clip.set)
        if clip.kind == "nonspeech" and (known is None or clip.seconds > known.seconds):
            longest[clip.set] = clip
    middles = [clip for clip in longest.values() if clip.seconds >= SHORTEST_MIDDLE]
    pairs = list(zip(readings[::2], readings[1::2], strict=False))
    if not pairs:
        return []
    return [_around(middle, *pairs[n % len(pairs)]) for n, middle in enumerate(middles)]


def _around(middle: _Clip, before: _Clip, after: _Clip) -> HumanRecording:
    whole, rest = divmod(MIDDLE, middle.seconds)
    parts = [AudioPart(before.path), *[AudioPart(middle.path)] * int(whole)]
    parts += [AudioPart(middle.path, end=rest), AudioPart(after.path)]
    item = Item(f"between/{middle.set}", tuple(parts), f"{before.text} {after.text}")
    quiet = Span(before.seconds, before.seconds + MIDDLE)
    return HumanRecording(item, "between", "en", quiet)


def _shuffled(clip: _Clip, order: int) -> bytes:
    """Where a clip stands in a shuffled order, the same on every machine."""
    return hashlib.blake2b(f"{order}:{clip.path.name}".encode(), digest_size=8).digest()


def _joined(name: str, clips: Sequence[_Clip], gap: float) -> HumanRecording:
    first = clips[0]
    is_one = len(clips) == 1
    texts = [clip.text for clip in clips if clip.text is not None]
    return HumanRecording(
        Item(
            name=name,
            parts=tuple(AudioPart(clip.path, gap=0.0 if is_one else gap) for clip in clips),
            reference=" ".join(texts),
            language="en" if first.language == "en" else "",
            words=first.words if is_one else (),
        ),
        first.kind,
        first.language,
    )
