"""Corpora of short clips and of meetings, made long: LibriSpeech, Common Voice, FLEURS, AMI,
GigaSpeech and VoxPopuli."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.datasets.clips import SpokenClip, flac_seconds, join, join_all, spread
from benchmarks.datasets.languages import spoken_language
from benchmarks.datasets.types import DatasetMissing, LoadOptions, required
from benchmarks.formats.tables import parse_rows, parse_table, read_text
from benchmarks.formats.types import FormatError, TimedWord
from benchmarks.items import AudioPart, Item

DEFAULT_CLIPS: Final = 50  # joined to one recording, as in the experiment this service grew from
FLEURS_RATE: Final = 16_000


def load_librispeech(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Chapters, each with its utterances joined in order; `clips` 1 keeps utterances apart."""
    split = "test-clean" if options.split == "test" else options.split
    transcripts = required(
        root,
        "transcript",
        f"LibriSpeech/{split}/*/*/*.trans.txt",
        f"{split}/*/*/*.trans.txt",
    )
    items: list[Item] = []
    for path in transcripts:
        clips = []
        for line in read_text(path).splitlines():
            name, _, text = line.partition(" ")
            sound = path.parent / f"{name}.flac"
            if not sound.is_file():
                raise DatasetMissing(f"{sound} is missing")
            clips.append(SpokenClip(sound, text.strip(), flac_seconds(sound)))
        if options.clips == 1:
            items.extend(join(clip.path.stem, [clip], "en", options) for clip in clips)
        else:
            items.extend(join_all(path.name.removesuffix(".trans.txt"), clips, "en", options))
    return tuple(items)


def load_common_voice(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Clips of one language joined, fifty to a recording unless `clips` says otherwise."""
    language = options.language or "hi"
    (table,) = required(
        root,
        "table of clips",
        f"cv-corpus-*/{language}/{options.split}.tsv",
        f"{language}/{options.split}.tsv",
        f"{options.split}.tsv",
    )[-1:]
    durations = _clip_durations(table.parent / "clip_durations.tsv")
    clips = []
    for row in parse_table(read_text(table)):
        name = row["path"] if Path(row["path"]).suffix else f"{row['path']}.mp3"
        sound = table.parent / "clips" / name
        if not sound.is_file():
            raise DatasetMissing(f"{sound} is missing")
        clips.append(SpokenClip(sound, row["sentence"], durations.get(name)))
    return join_all(
        f"common-voice-{language}", clips, spoken_language(language), _joined_by_default(options)
    )


def _clip_durations(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    return {row[0]: float(row[1]) / 1000 for row in parse_rows(read_text(path))[1:]}


def load_fleurs(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Clips of one language (hi_in, en_us, …; a bare code finds its only locale) joined.

    Columns: id, file, raw text, text, letters, samples, gender. Each sentence is read by up to
    three people; every reading is kept, in the table's order.
    """
    code = options.language or "hi_in"
    (table,) = required(
        root,
        "table of clips",
        f"{code}/{options.split}.tsv",
        f"{code}_*/{options.split}.tsv",
        f"data/{code}/{options.split}.tsv",
        f"data/{code}_*/{options.split}.tsv",
    )[:1]
    clips = []
    for row in parse_rows(read_text(table)):
        if len(row) < 6:
            raise FormatError(f"{table}: a line of FLEURS has seven columns")
        sounds = required(
            table.parent,
            f"sound {row[1]}",
            f"audio/{options.split}/{row[1]}",
            f"audio/{options.split}/{options.split}/{row[1]}",
            f"{options.split}/{row[1]}",
        )
        clips.append(SpokenClip(sounds[0], row[3], int(row[5]) / FLEURS_RATE))
    locale = table.parent.name
    return join_all(f"fleurs-{locale}", clips, spoken_language(locale), _joined_by_default(options))


def _joined_by_default(options: LoadOptions) -> LoadOptions:
    if options.clips:
        return options
    return replace(options, clips=DEFAULT_CLIPS)


AMI_TEST: Final = tuple(
    f"{meeting}{part}" for meeting in ("EN2002", "ES2004", "IS1009", "TS3003") for part in "abcd"
)


def load_ami(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Meetings with the mixed headsets' sound and the manual words of all speakers by time.

    The sixteen test meetings; `subset` is the name of one. Word times are the corpus's own.
    """
    meetings = (options.subset,) if options.subset else AMI_TEST
    items = []
    for meeting in meetings:
        sounds = required(root, f"sound of {meeting}", f"**/{meeting}.Mix-Headset.wav")
        files = required(root, f"words of {meeting}", f"**/words/{meeting}.*.words.xml")
        words = sorted(
            (word for path in files for word in _ami_words(path)),
            key=lambda word: (word.start, word.end),
        )
        text = " ".join(word.text for word in words)
        items.append(Item(meeting, (AudioPart(sounds[0]),), text, words=tuple(words)))
    return tuple(items)


def _ami_words(path: Path) -> list[TimedWord]:
    """Words of one speaker; punctuation and sounds that are no words are left out."""
    content = read_text(path)
    if "<!ENTITY" in content:
        raise FormatError(f"{path.name} defines entities, which the corpus does not")
    words = []
    for element in ElementTree.fromstring(content).iter("w"):
        start, end = element.get("starttime"), element.get("endtime")
        text = (element.text or "").strip()
        if element.get("punc") != "true" and text and start and end:
            words.append(TimedWord(text, float(start), max(float(start), float(end))))
    return words


_GIGASPEECH_MARKS: Final = {
    "<COMMA>": ",",
    "<PERIOD>": ".",
    "<QUESTIONMARK>": "?",
    "<EXCLAMATIONPOINT>": "!",
}
_GIGASPEECH_NO_WORDS: Final = ("<SIL>", "<MUSIC>", "<NOISE>", "<OTHER>")


def load_gigaspeech(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Whole recordings of a subset ({TEST}) from first to last transcribed segment."""
    (table,) = required(root, "GigaSpeech.json", "GigaSpeech.json", "*/GigaSpeech.json")[:1]
    subset = "{" + (options.subset or options.split).upper().strip("{}") + "}"
    items = []
    for audio in json.loads(read_text(table))["audios"]:
        if subset not in audio["subsets"]:
            continue
        segments = sorted(audio["segments"], key=lambda s: float(s["begin_time"]))
        if segments:
            items.append(_gigaspeech_item(table.parent, audio, segments))
    if not items:
        raise DatasetMissing(f"GigaSpeech.json has no recordings of the subset {subset}")
    return tuple(items)


def _gigaspeech_item(folder: Path, audio: dict[str, str], segments: list[dict[str, str]]) -> Item:
    begin, end = float(segments[0]["begin_time"]), float(segments[-1]["end_time"])
    words: list[TimedWord] = []
    for segment in segments:
        text = segment["text_tn"]
        for mark, sign in _GIGASPEECH_MARKS.items():
            text = text.replace(f" {mark}", sign)
        text = " ".join(w for w in text.split() if w not in _GIGASPEECH_NO_WORDS)
        start = float(segment["begin_time"])
        words.extend(spread(text, start - begin, float(segment["end_time"]) - begin))
    return Item(
        audio["aid"],
        (AudioPart(folder / audio["path"], begin, end),),
        " ".join(word.text for word in words),
        words=tuple(words),
    )


def load_voxpopuli(root: Path, options: LoadOptions) -> tuple[Item, ...]:
    """Segments of each session of the European Parliament that belong to the split, joined.

    The speakers are in the track "original"; a track named after a language may be an interpreter.
    """
    language = options.language or "en"
    (table,) = required(
        root,
        "annotation table",
        f"annotations/asr/asr_{language}.tsv.gz",
        f"asr_{language}.tsv.gz",
        f"**/asr_{language}.tsv",
    )[:1]
    sessions: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in parse_table(read_text(table), delimiter="|" if _has_bars(table) else "\t"):
        if row["split"] == options.split:
            sessions[row["session_id"]].append(row)
    items = []
    for session, rows in sorted(sessions.items()):
        rows.sort(key=lambda row: float(row["start_time"]))
        year = session[:4]
        sound = required(
            root,
            f"sound of {session}",
            f"raw_audios/original/{year}/{session}_original.ogg",
            f"**/{session}_original.ogg",
            f"raw_audios/{language}/{year}/{session}_{language}.ogg",
            f"**/{session}.ogg",
        )[0]
        items.append(_session_item(session, sound, rows, language, options.gap))
    return tuple(items)


def _has_bars(table: Path) -> bool:
    return "|" in read_text(table).partition("\n")[0]


def _session_item(
    name: str, sound: Path, rows: list[dict[str, str]], language: str, gap: float
) -> Item:
    parts, words, now = [], [], 0.0
    for row in rows:
        start, end = float(row["start_time"]), float(row["end_time"])
        parts.append(AudioPart(sound, start, end, gap))
        words.extend(spread(row["normed_text"], now, now + end - start))
        now += end - start + gap
    text = " ".join(word.text for word in words)
    return Item(name, tuple(parts), text, language, words=tuple(words))
