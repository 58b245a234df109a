"""Sets of whole talks and excerpts: TED-LIUM 3, Meanwhile, Kincaid46 and CORAAL."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.datasets.clips import spread
from benchmarks.datasets.folder import AUDIO_SUFFIXES
from benchmarks.datasets.types import DatasetMissing, LoadOptions, required
from benchmarks.formats.stm import parse_stm, scored
from benchmarks.formats.tables import parse_rows, parse_table, read_text
from benchmarks.formats.types import FormatError, TimedWord, reading
from benchmarks.items import AudioPart, Item
from benchmarks.sound import seconds_of


def load_tedlium(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """TED-LIUM 3, legacy splits, whole talks: sound from the first to the last scored segment.

    Times of words are spread over their segment. Clitics written apart are joined ("i 'd").
    """
    stems = required(
        root,
        "transcript",
        f"TEDLIUM_release-3/legacy/{options.split}/stm/*.stm",
        f"TEDLIUM_release3/legacy/{options.split}/stm/*.stm",
        f"legacy/{options.split}/stm/*.stm",
        f"{options.split}/stm/*.stm",
        f"{options.split}/*.stm",
    )
    return tuple(_talk(path) for path in stems)


def _talk(path: Path) -> Item:
    with reading(path):
        segments = [s for s in scored(parse_stm(read_text(path))) if s.text]
    if not segments:
        raise FormatError(f"{path} has no segment to score")
    sphere = (path.parent.parent / "sph" / f"{path.stem}.sph", path.with_suffix(".sph"))
    audio = next((sound for sound in sphere if sound.is_file()), None)
    if audio is None:
        raise DatasetMissing(f"the sound of {path.stem} is missing: expected {sphere[0]}")
    begin, end = segments[0].start, segments[-1].end
    texts = [re.sub(r" '(?=\w)", "'", s.text.replace("<unk>", "")) for s in segments]
    words = [
        word
        for segment, text in zip(segments, texts, strict=True)
        for word in spread(text, segment.start - begin, segment.end - begin)
    ]
    return Item(
        path.stem,
        (AudioPart(audio, begin, end),),
        " ".join(" ".join(texts).split()),
        words=tuple(words),
    )


CUT_TOLERANCE: Final = 1.0  # seconds by which a file that was cut before may be longer


def load_meanwhile(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Excerpts of late-night shows: meanwhile.json of openai/whisper and a sound file by id.

    Files as long as the excerpt are taken whole; longer ones are cut at its begin and end.
    """
    del options
    (description,) = required(root, "description", "meanwhile.json", "data/meanwhile.json")[:1]
    items = []
    for name, row in json.loads(read_text(description)).items():
        sounds = [p for p in sorted(root.rglob(f"{name}.*")) if p.suffix in AUDIO_SUFFIXES]
        if not sounds:
            raise DatasetMissing(
                f"the sound of {name} is missing in {root}: it comes from YouTube under this id"
            )
        begin, end = clock_seconds(row["begin"]), clock_seconds(row["end"])
        is_cut = seconds_of(sounds[0]) <= end - begin + CUT_TOLERANCE
        part = AudioPart(sounds[0]) if is_cut else AudioPart(sounds[0], begin, end)
        items.append(Item(name, (part,), " ".join(row["text"].split())))
    return tuple(items)


def clock_seconds(clock: str) -> float:
    """ "1:04.0" is 64 seconds; hours may stand before."""
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def load_kincaid46(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """46 recordings of many kinds, in either of the two layouts that circulate.

    WhisperS2T's data.zip: KINCAID46/manifest_wav.tsv (or _mp3) with paths and texts. Another:
    text.csv with the text in its fifth column and audio/00.m4a, 01.m4a, …
    """
    manifests = sorted(root.rglob("manifest_wav.tsv")) or sorted(root.rglob("manifest_mp3.tsv"))
    if manifests:
        return _kincaid_manifest(manifests[0], options)
    (table,) = required(root, "manifest", "text.csv", "kincaid46/text.csv")[:1]
    items = []
    for number, line in enumerate(_csv_rows(table)[1:]):
        sounds = required(table.parent, "sound", f"audio/{number:02d}.*")
        items.append(Item(f"{number:02d}", (AudioPart(sounds[0]),), " ".join(line[4].split())))
    return tuple(items)


def _kincaid_manifest(manifest: Path, options: LoadOptions) -> tuple[Item, ...]:
    del options
    rows = parse_table(read_text(manifest))
    items = []
    for row in rows:
        path = _column(row, manifest, "audio_path", "audio_filepath", "path")
        text = _column(row, manifest, "raw_text", "text", "transcript")
        sound = next(
            (
                p
                for p in (manifest.parent / path, *manifest.parent.rglob(Path(path).name))
                if p.is_file()
            ),
            None,
        )
        if sound is None:
            raise DatasetMissing(f"{manifest.name} names {path}, which is not there")
        items.append(Item(sound.stem, (AudioPart(sound),), " ".join(text.split())))
    return tuple(items)


def _column(row: Mapping[str, str], table: Path, *names: str) -> str:
    for name in names:
        if name in row:
            return row[name]
    raise FormatError(f"{table}: none of the columns {', '.join(names)}")


def _csv_rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(read_text(path))))


_DROPPED: Final = re.compile(r"/(?:unintelligible|inaudible|RD[^/]*)/|\([^()]*\)|<[^<>]*>")
_RESPELT: Final = {"aks": "ask", "busses": "buses"}


def load_coraal(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Interviews of CORAAL: tables with tabs (Line, Spkr, StTime, Content, EnTime) and sounds.

    `subset` is a component (ATL, DCA, DCB, …). Pauses, noises and unintelligible stretches are
    taken out, bracketed overlaps kept, and two spellings made standard, as others do.
    """
    component = options.subset or "*"
    items = []
    for path in required(root, "transcript", f"**/{component}_se*_ag*.txt"):
        sounds = [p for p in sorted(root.rglob(f"{path.stem}.*")) if p.suffix in AUDIO_SUFFIXES]
        if not sounds:
            raise DatasetMissing(f"the sound of {path.stem} is missing in {root}")
        words = _coraal_words(path)
        text = " ".join(word.text for word in words)
        items.append(Item(path.stem, (AudioPart(sounds[0]),), text, words=words))
    return tuple(items)


def _coraal_words(path: Path) -> tuple[TimedWord, ...]:
    header, *rows = parse_rows(read_text(path))
    columns = {name.strip(): n for n, name in enumerate(header)}
    if not {"StTime", "EnTime", "Content"} <= columns.keys():
        raise FormatError(f"{path.name}: expected the columns StTime, Content and EnTime")
    words: list[TimedWord] = []
    for row in rows:
        content = _DROPPED.sub(" ", row[columns["Content"]])
        content = content.translate({ord(c): None for c in "[]{}"})
        start, end = float(row[columns["StTime"]]), float(row[columns["EnTime"]])
        spelt = " ".join(_RESPELT.get(word, word) for word in content.split())
        words.extend(spread(spelt, start, max(start, end)))
    return tuple(words)
