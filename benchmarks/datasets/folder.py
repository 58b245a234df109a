"""A folder of audio with a reference beside each file, and manifests.

Beside `talk.mp3` may lie talk.txt, .srt, .vtt, .stm, .ctm, .nlp (with talk.norm.json), .TextGrid
or a .json with "text" and "words". A manifest is JSON lines or a table with named columns.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.datasets.clips import spread
from benchmarks.datasets.types import DatasetMissing, LoadOptions, required
from benchmarks.formats.nlp import (
    parse_nlp,
    parse_norm,
    plain_text,
    text_with_choices,
    timed_words,
)
from benchmarks.formats.stm import parse_ctm, parse_stm, scored
from benchmarks.formats.subtitles import parse_subtitles
from benchmarks.formats.tables import parse_csv, parse_json_lines, parse_table, read_text
from benchmarks.formats.textgrid import parse_textgrid
from benchmarks.formats.types import FormatError, TimedWord, Utterance, reading
from benchmarks.items import AudioPart, Item

AUDIO_SUFFIXES: Final = frozenset(
    f".{name}"
    for name in (
        *("wav", "flac", "mp3", "m4a", "mp4", "ogg", "oga", "opus", "webm", "aac", "aif"),
        *("aiff", "sph", "mkv", "mov", "wma"),
    )
)
PATH_COLUMNS: Final = ("audio_filepath", "audio", "path", "file", "wav", "filename")
TEXT_COLUMNS: Final = ("text", "reference", "transcript", "sentence", "transcription")

Reference = tuple[str, tuple[TimedWord, ...], bool]  # text, words, whether it holds choices


def load_folder(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Every audio file below `root` that has a reference beside it, by name."""
    sounds = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    ]
    stems = Counter(path.with_suffix("") for path in sounds)
    items = []
    for audio in sounds:
        reference = _reference_beside(audio, options)
        if reference is not None:
            # talk.mp3 and talk.wav with one talk.txt are two recordings
            is_only = stems[audio.with_suffix("")] == 1
            name = str((audio.with_suffix("") if is_only else audio).relative_to(root))
            items.append(_whole(name, audio, options.language or "en", *reference))
    if not items:
        readable = ", ".join(_READERS)
        raise DatasetMissing(f"no audio in {root} has a reference beside it ({readable})")
    return tuple(items)


def load_demo(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """The synthetic recordings of this repository, with exact words and times."""
    del options
    items = []
    for description in required(root, "shipped recording", "*.json"):
        sounds = [p for p in root.glob(f"{description.stem}.*") if p.suffix in AUDIO_SUFFIXES]
        if len(sounds) != 1:
            raise DatasetMissing(f"{description.name} has no sound beside it")
        text, words, _ = _read_json(description, LoadOptions())
        items.append(_whole(description.stem, sounds[0], "en", text, words, False))
    return tuple(items)


def _whole(
    name: str, audio: Path, language: str, text: str, words: tuple[TimedWord, ...], choices: bool
) -> Item:
    return Item(name, (AudioPart(audio),), text, language, has_choices=choices, words=words)


def _reference_beside(audio: Path, options: LoadOptions) -> Reference | None:
    for suffix, read in _READERS.items():
        path = audio.with_suffix(suffix)
        if path.is_file():
            with reading(path):
                return read(path, options)
    return None


def _read_nlp(path: Path, options: LoadOptions) -> Reference:
    tokens = parse_nlp(read_text(path))
    norm = path.with_suffix(".norm.json")
    if options.use_norm and norm.is_file():
        return text_with_choices(tokens, parse_norm(read_text(norm))), timed_words(tokens), True
    return plain_text(tokens), timed_words(tokens), False


def _read_stm(path: Path, options: LoadOptions) -> Reference:
    del options
    text, words, _ = _from_utterances(scored(parse_stm(read_text(path))))
    return text, words, "{" in text.split()


def _read_ctm(path: Path, options: LoadOptions) -> Reference:
    del options
    words = tuple(w for recording in parse_ctm(read_text(path)).values() for w in recording)
    return " ".join(word.text for word in words), words, False


def _read_textgrid(path: Path, options: LoadOptions) -> Reference:
    """The tier with the most intervals holds the words."""
    del options
    tiers = parse_textgrid(read_text(path))
    if not tiers:
        return "", (), False
    words = max(tiers, key=lambda tier: len(tier.intervals)).intervals
    return " ".join(word.text for word in words), words, False


def _read_subtitles(path: Path, options: LoadOptions) -> Reference:
    del options
    return _from_utterances(parse_subtitles(read_text(path), path.stem))


def _read_plain(path: Path, options: LoadOptions) -> Reference:
    del options
    return " ".join(read_text(path).split()), (), False


def _read_json(path: Path, options: LoadOptions) -> Reference:
    del options
    try:
        content = json.loads(read_text(path))
        rows = content.get("words") or [w for s in content.get("sentences", ()) for w in s["words"]]
        words = tuple(TimedWord(str(w["text"]), float(w["start"]), float(w["end"])) for w in rows)
        return str(content["text"]), words, False
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f'expected {{"text": …, "words": […]}}: {error}') from error


def _from_utterances(utterances: tuple[Utterance, ...]) -> Reference:
    words = [w for u in utterances for w in spread(u.text, u.start, u.end)]
    return " ".join(u.text for u in utterances if u.text), tuple(words), False


_READERS: Final[dict[str, Callable[[Path, LoadOptions], Reference]]] = {
    ".nlp": _read_nlp,
    ".stm": _read_stm,
    ".ctm": _read_ctm,
    ".TextGrid": _read_textgrid,
    ".json": _read_json,
    ".srt": _read_subtitles,
    ".vtt": _read_subtitles,
    ".txt": _read_plain,
}


def load_manifest(path: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Items of a manifest; paths are relative to it.

    Columns: a path and a text by any of their usual names, and optionally offset, duration,
    language, id and (JSON only) words as [{"text", "start", "end"}].
    """
    text = read_text(path)
    rows: list[dict[str, Any]]
    if path.suffix in {".tsv", ".csv"}:
        rows = [dict(r) for r in (parse_table if path.suffix == ".tsv" else parse_csv)(text)]
    else:
        rows = parse_json_lines(text)
    if not rows:
        raise DatasetMissing(f"{path} names no recordings")
    return tuple(_manifest_item(path, n, row, options) for n, row in enumerate(rows, start=1))


def _manifest_item(manifest: Path, number: int, row: Mapping[str, Any], o: LoadOptions) -> Item:
    audio = next((row[c] for c in PATH_COLUMNS if row.get(c)), None)
    text = next((row[c] for c in TEXT_COLUMNS if row.get(c) is not None), None)
    if audio is None or text is None:
        raise FormatError(
            f"{manifest.name}, row {number}: needs a path ({', '.join(PATH_COLUMNS)}) and a text "
            f"({', '.join(TEXT_COLUMNS)})"
        )
    start = float(row.get("offset") or 0.0)
    duration = row.get("duration")
    # a duration without an offset only describes the file
    end = start + float(duration) if duration and row.get("offset") is not None else None
    words = tuple(
        TimedWord(str(w["text"]), float(w["start"]), float(w["end"])) for w in row.get("words", ())
    )
    return Item(
        name=str(row.get("id") or f"{Path(str(audio)).stem}-{number}"),
        parts=(AudioPart(manifest.parent / str(audio), start, end),),
        reference=str(text),
        language=str(row.get("language") or o.language or "en"),
        words=words,
    )
