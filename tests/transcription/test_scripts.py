"""Chinese in the script that the language tag asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.http.fields import Fields
from app.http.forms import read_form
from chunking.types import Segment, Word
from decoding.types import ModelCard
from tests.planted import PlantedDecoder, plant, write_wav
from transcription.language_names import only_script_of, script_of
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.scripts import TABLES, in_script
from transcription.window_decoder import EngineWindowDecoder

CARD = ModelCard("planted", True, ("en", "zh", "ja"), 0, "cpu", "fp32")


def spoken(*texts: str, language: str = "zh") -> Segment:
    words = tuple(
        Word(text, float(i), i + 0.5, 0.9, (i,), window=0, index=i) for i, text in enumerate(texts)
    )
    return Segment(0, 0.0, float(len(texts)), "".join(texts), words, 0.0, -0.1, 1.0, 0.0, language)


MIXED = spoken("头", "髮", "和", "皇", "后", "在", "后", "面", "吃", "面条", ", OK.")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Hans", "头发和皇后在后面吃面条, OK."),
        ("Hant-TW", "頭髮和皇后在後面吃麵條, OK."),
        ("Hant-HK", "頭髮和皇后在後面吃麪條, OK."),
        (None, MIXED.text),
    ],
)
def test_the_text_is_in_one_script(script, text):
    """By the phrase, across words: 后 is a queen in 皇后 and behind in 后面."""
    (segment,) = in_script([MIXED], script)
    assert segment.text == text
    assert "".join(word.text for word in segment.words) == text
    unwritten = replace(segment, text=MIXED.text, words=())
    assert unwritten == replace(MIXED, words=())
    for word, heard in zip(segment.words, MIXED.words, strict=True):
        assert replace(word, text=heard.text) == heard
        assert len(word.text) == len(heard.text)


def test_other_languages_keep_their_characters():
    japanese = spoken("国", "会", "図書館", language="ja")
    assert in_script([japanese], "Hant-TW") == (japanese,)
    cantonese = spoken("唔", "该", language="yue")
    assert in_script([cantonese], "Hant-HK")[0].text == "唔該"


def test_no_table_changes_the_number_of_characters():
    from opencc import OpenCC

    every = "".join(map(chr, range(0x4E00, 0xA000)))
    for table in TABLES.values():
        assert len(OpenCC(table).convert(every)) == len(every)


@pytest.mark.parametrize(
    ("tag", "script"),
    [
        *(("zh-CN", "Hans"), ("zh_cn", "Hans"), ("zh-SG", "Hans"), ("zh-Hans", "Hans")),
        *(("zh-TW", "Hant-TW"), ("zh-Hant", "Hant-TW"), ("zh-hant-tw", "Hant-TW")),
        *(("zh-HK", "Hant-HK"), ("zh-MO", "Hant-HK"), ("zh-Hant-HK", "Hant-HK")),
        *(("cmn-Hans-CN", "Hans"), ("cmn-Hant-TW", "Hant-TW"), ("zh-CHT", "Hant-TW")),
        *(("zh-CHS", "Hans"), ("yue-HK", "Hant-HK"), ("zh-Hans-HK", "Hans")),
        *(("zh", None), ("chinese", None), ("Mandarin", None), ("yue", None), ("zh-x", None)),
        *(("en-HK", None), ("ja-TW", None), ("pt_BR", None)),
    ],
)
def test_tags_choose_the_script(tag, script):
    assert script_of(tag) == script


def test_several_languages_choose_one_script_or_none():
    assert only_script_of(["en", "zh-TW"]) == "Hant-TW"
    assert only_script_of(["zh-CN", "zh-TW"]) is None
    assert only_script_of(["", "zh-CN", "cmn-Hans"]) == "Hans"
    assert only_script_of([]) is None


@pytest.mark.parametrize(
    ("fields", "script"),
    [
        ([("language", "zh-TW")], "Hant-TW"),
        ([("languages[]", "en"), ("languages[]", "zh-CN")], "Hans"),
        ([("language", "zh")], None),
        ([("language", "auto")], None),
        ([], None),
    ],
)
def test_the_form_chooses_the_script(fields, script):
    asked = read_form(Fields([("model", "planted"), *fields]), CARD)
    assert asked.options.script == script


class Chinese(PlantedDecoder):
    """Hears a simplified character before every planted word."""

    model = CARD

    def _decode(self, clip):
        heard = super()._decode(clip)
        words = tuple(replace(word, text=f" 汉{word.text[1:]}") for word in heard.words)
        return replace(heard, words=words, language="zh")


def test_segments_words_and_text_of_a_recording_agree(tmp_path: Path):
    source = write_wav(tmp_path / "talk.wav", plant(150))
    options = TranscriptionOptions(speech=SpeechOptions(skip_silence=False), script="Hant-TW")
    told: list[Segment] = []

    class Observer:
        def ingested(self, seconds): ...
        def planned(self, seconds, windows): ...
        def decoded(self, windows, seconds): ...
        def segments(self, segments):
            told.extend(segments)

    decoder = Chinese()
    windows = EngineWindowDecoder(decoder, group="test")
    transcript = transcribe(source, options, windows, workspace=tmp_path, observer=Observer())
    decoder.close()
    assert transcript.text == " ".join(f"漢w{number}" for number in range(150))
    assert tuple(told) == transcript.segments
    assert [word.text for word in transcript.words] == [f" 漢w{number}" for number in range(150)]
