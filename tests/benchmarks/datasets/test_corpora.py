from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.datasets.corpora import (
    load_ami,
    load_common_voice,
    load_fleurs,
    load_gigaspeech,
    load_librispeech,
    load_voxpopuli,
)
from benchmarks.datasets.types import DatasetMissing, LoadOptions
from benchmarks.formats.types import FormatError, TimedWord
from benchmarks.items import AudioPart


def flac_header(seconds: int) -> bytes:
    packed = (16_000 << 44) | (15 << 36) | seconds * 16_000
    return b"fLaC" + bytes(14) + packed.to_bytes(8, "big")


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    chapter = tmp_path / "LibriSpeech/test-clean/61/70968"
    chapter.mkdir(parents=True)
    (chapter / "61-70968.trans.txt").write_text("61-70968-0000 HE BEGAN\n61-70968-0001 AND ENDED\n")
    for n in (0, 1):
        (chapter / f"61-70968-000{n}.flac").write_bytes(flac_header(2))
    return tmp_path


def test_librispeech_chapters(librispeech: Path) -> None:
    (chapter,) = load_librispeech(librispeech, LoadOptions(gap=0.5))
    assert chapter.name == "61-70968"
    assert chapter.reference == "HE BEGAN AND ENDED"
    assert [part.gap for part in chapter.parts] == [0.5, 0.5]
    assert chapter.words[2] == TimedWord("AND", 2.5, 3.5)


def test_librispeech_utterances(librispeech: Path) -> None:
    items = load_librispeech(librispeech, LoadOptions(clips=1))
    assert [item.name for item in items] == ["61-70968-0000", "61-70968-0001"]
    assert items[0].is_one_file


def test_librispeech_without_a_file(librispeech: Path) -> None:
    (librispeech / "LibriSpeech/test-clean/61/70968/61-70968-0001.flac").unlink()
    with pytest.raises(DatasetMissing, match="0001"):
        load_librispeech(librispeech, LoadOptions())


@pytest.fixture
def common_voice(tmp_path: Path, make_sound) -> Path:
    base = tmp_path / "cv-corpus-11.0-2022-09-21/hi"
    for n in range(5):
        make_sound(base / "clips" / f"{n}.mp3")
    rows = [f"x\t{n}{'.mp3' if n else ''}\tवाक्य {n}" for n in range(5)]
    (base / "test.tsv").write_text("client_id\tpath\tsentence\n" + "\n".join(rows))
    lengths = [f"{n}.mp3\t{1000 * (n + 1)}" for n in range(5)]
    (base / "clip_durations.tsv").write_text("clip\tduration[ms]\n" + "\n".join(lengths))
    return tmp_path


def test_common_voice_joined(common_voice: Path) -> None:
    items = load_common_voice(common_voice, LoadOptions(language="hi", clips=2))
    assert [len(item.parts) for item in items] == [2, 2, 1]
    assert items[0].reference == "वाक्य 0 वाक्य 1"
    assert items[0].words[2] == TimedWord("वाक्य", 1.0, 2.0)
    assert items[0].language == "hi"


def test_all_clips_by_default_up_to_fifty(common_voice: Path) -> None:
    (item,) = load_common_voice(common_voice, LoadOptions())
    assert len(item.parts) == 5


def test_shuffled_the_same_way_each_time(common_voice: Path) -> None:
    def names(seed: int | None) -> list[str]:
        (item,) = load_common_voice(common_voice, LoadOptions(seed=seed))
        return [part.path.stem for part in item.parts]

    assert names(1) == names(1) != names(None)


def test_trimmed_silence_leaves_no_times(common_voice: Path) -> None:
    (item,) = load_common_voice(common_voice, LoadOptions(trim_silence=True))
    assert item.is_trimmed
    assert item.words == ()


def test_unknown_lengths_leave_no_times(common_voice: Path) -> None:
    (common_voice / "cv-corpus-11.0-2022-09-21/hi/clip_durations.tsv").unlink()
    (item,) = load_common_voice(common_voice, LoadOptions())
    assert item.words == ()


def test_common_voice_without_a_clip(common_voice: Path) -> None:
    (common_voice / "cv-corpus-11.0-2022-09-21/hi/clips/3.mp3").unlink()
    with pytest.raises(DatasetMissing, match=r"3\.mp3"):
        load_common_voice(common_voice, LoadOptions())


def test_fleurs(tmp_path: Path, make_sound) -> None:
    base = tmp_path / "hi_in"
    make_sound(base / "audio/test/1.wav")
    make_sound(base / "audio/test/2.wav")
    (base / "test.tsv").write_text(
        "7\t1.wav\tपहला।\tपहला\tप ह ल ा\t16000\tMALE\n8\t2.wav\tदूसरा\tदूसरा\tद\t8000\tFEMALE\n"
    )
    (item,) = load_fleurs(tmp_path, LoadOptions(language="hi"))
    assert (item.name, item.language) == ("fleurs-hi_in", "hi")
    assert item.reference == "पहला दूसरा"
    assert item.words[1] == TimedWord("दूसरा", 1.0, 1.5)
    (base / "test.tsv").write_text("7\t1.wav\tx\n")
    with pytest.raises(FormatError, match="seven columns"):
        load_fleurs(tmp_path, LoadOptions())


def test_ami(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "ES2004a/audio/ES2004a.Mix-Headset.wav")
    words = tmp_path / "ami_public_manual_1.6.2/words"
    words.mkdir(parents=True)
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<nite:root xmlns:nite="http://nite/">'
    (words / "ES2004a.A.words.xml").write_text(
        f'{head}<w starttime="1.0" endtime="1.5">Hello</w>'
        '<w starttime="1.5" endtime="1.5" punc="true">.</w>'
        '<vocalsound starttime="2.0" endtime="2.5" type="laugh"/></nite:root>'
    )
    (words / "ES2004a.B.words.xml").write_text(
        f'{head}<w starttime="0.5" endtime="0.9">Right</w><w>untimed</w></nite:root>'
    )
    (meeting,) = load_ami(tmp_path, LoadOptions(subset="ES2004a"))
    assert meeting.words == (TimedWord("Right", 0.5, 0.9), TimedWord("Hello", 1.0, 1.5))
    with pytest.raises(DatasetMissing, match="EN2002a"):
        load_ami(tmp_path, LoadOptions())


def test_ami_with_entities_is_refused(tmp_path: Path, make_sound) -> None:
    make_sound(tmp_path / "X.Mix-Headset.wav")
    (tmp_path / "words").mkdir()
    (tmp_path / "words/X.A.words.xml").write_text('<!DOCTYPE r [<!ENTITY a "b">]><r/>')
    with pytest.raises(FormatError, match="entities"):
        load_ami(tmp_path, LoadOptions(subset="X"))


def test_gigaspeech(tmp_path: Path) -> None:
    audio = {
        "aid": "POD1",
        "path": "audio/POD1.opus",
        "subsets": ["{TEST}"],
        "segments": [
            {"begin_time": 12.0, "end_time": 13.0, "text_tn": "<MUSIC>"},
            {"begin_time": 10.0, "end_time": 12.0, "text_tn": "HELLO <COMMA> YOU <PERIOD>"},
        ],
    }
    other = {**audio, "aid": "POD2", "subsets": ["{DEV}"]}
    (tmp_path / "GigaSpeech.json").write_text(json.dumps({"audios": [audio, other]}))
    (item,) = load_gigaspeech(tmp_path, LoadOptions())
    assert (item.name, item.reference) == ("POD1", "HELLO, YOU.")
    assert item.parts == (AudioPart(tmp_path / "audio/POD1.opus", 10.0, 13.0),)
    with pytest.raises(DatasetMissing, match="XL"):
        load_gigaspeech(tmp_path, LoadOptions(subset="XL"))


def test_voxpopuli(tmp_path: Path, make_sound) -> None:
    sound = make_sound(tmp_path / "raw_audios/original/2015/20150101-0900-PLENARY-1_original.ogg")
    make_sound(tmp_path / "raw_audios/en/2015/20150101-0900-PLENARY-1_en.ogg")  # the interpreter
    rows = [
        "session_id|id_|normed_text|split|start_time|end_time",
        "20150101-0900-PLENARY-1|b|second part|test|5.0|6.0",
        "20150101-0900-PLENARY-1|a|first part|test|1.0|3.0",
        "20150101-0900-PLENARY-1|c|other split|train|7.0|8.0",
    ]
    (tmp_path / "annotations/asr").mkdir(parents=True)
    table = tmp_path / "annotations/asr/asr_en.tsv.gz"
    table.write_bytes(gzip.compress("\n".join(rows).encode()))
    (item,) = load_voxpopuli(tmp_path, LoadOptions())
    assert item.reference == "first part second part"
    assert item.parts == (AudioPart(sound, 1.0, 3.0), AudioPart(sound, 5.0, 6.0))
    assert item.words[2] == TimedWord("second", 2.0, 2.5)
