"""Every format, letter by letter."""

import json
import math
import re
from dataclasses import replace

import pytest

from chunking.types import Coverage, Redecoded, Seam, Segment, Span, Word
from transcription.documents import (
    languages_document,
    token_usage_document,
    verbose_document,
)
from transcription.language_names import LANGUAGE_NAMES, language_name
from transcription.render import RESPONSE_FORMATS, Look, json_parts, render, render_parts
from transcription.types import Transcript


def spoken(text, start, end, index=0):
    return Word(text, start, end, 0.875, (40 + index,), window=0, index=index)


def segment(number, start, end, *words, channel=None):
    return Segment(
        id=number,
        start=start,
        end=end,
        text="".join(word.text for word in words),
        words=words,
        temperature=0.0,
        avg_logprob=-0.25,
        compression_ratio=1.5,
        no_speech_prob=0.0625,
        language="en",
        channel=channel,
    )


def transcript(*segments, **changes):
    whole = Transcript(
        language="en",
        duration=3725.25,
        segments=segments,
        coverage=Coverage(speech_seconds=4.0, uncovered_seconds=0.0),
        windows=2,
        model="demo",
    )
    return replace(whole, **changes)


HELLO = segment(0, 0.5, 1.75, spoken(" Hello", 0.5, 1.0), spoken(" there.", 1.0, 1.75, 1))
LATE = segment(1, 3723.004, 3725.25, spoken(" Bye.", 3723.004, 3725.25, 2))
TWO = transcript(HELLO, LATE)
EMPTY = transcript()


def test_text():
    assert render(TWO, "text") == "Hello there. Bye.\n"
    assert render(EMPTY, "text") == "\n"


def test_srt():
    assert render(TWO, "srt") == (
        "1\n00:00:00,500 --> 00:00:01,750\nHello there.\n\n2\n01:02:03,004 --> 01:02:05,250\nBye.\n"
    )
    assert render(EMPTY, "srt") == ""


def test_vtt():
    assert render(TWO, "vtt") == (
        "WEBVTT\n"
        "\n00:00:00.500 --> 00:00:01.750\nHello there.\n"
        "\n01:02:03.004 --> 01:02:05.250\nBye.\n"
    )
    assert render(EMPTY, "vtt") == "WEBVTT\n"


def test_tsv_as_openai_whisper_writes_it():
    assert render(TWO, "tsv") == (
        "start\tend\ttext\n500\t1750\tHello there.\n3723004\t3725250\tBye.\n"
    )


def test_json():
    answer = json.loads(render(TWO, "json"))
    assert answer["text"] == "Hello there. Bye."
    assert answer["languages"] == [{"code": "en"}]
    assert answer["usage"] == {"type": "duration", "seconds": 3726}
    assert answer["coverage"]["speech_seconds"] == 4.0


def test_languages_of_most_words_first_and_none_of_silence():
    silent = segment(2, 3724.0, 3725.0)
    mixed = transcript(replace(LATE, language="hi"), HELLO, replace(silent, language="de"))
    assert languages_document(mixed) == [{"code": "en"}, {"code": "hi"}]
    assert languages_document(EMPTY) == []


def test_usage_in_tokens():
    usage = token_usage_document(TWO)
    assert usage["input_tokens"] == 186263  # 3725.25 s of 50 vectors each
    assert (usage["output_tokens"], usage["total_tokens"]) == (3, 186266)


def test_verbose_json():
    answer = json.loads(render(TWO, "verbose_json"))
    assert list(answer) == [
        *("task", "language", "duration", "text", "segments", "usage", "coverage"),
    ]
    assert answer["task"] == "transcribe"
    assert answer["language"] == "english"
    assert answer["duration"] == 3725.25
    assert answer["segments"][0] == {
        "id": 0,
        "seek": 50,
        "start": 0.5,
        "end": 1.75,
        "text": " Hello there.",
        "tokens": [40, 41],
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 1.5,
        "no_speech_prob": 0.0625,
        "language": "en",
    }


def test_words_alone_leave_the_segments_out():
    answer = json.loads(render(TWO, "verbose_json", granularities=["word"]))
    assert "segments" not in answer
    assert answer["words"] == [
        {"word": "Hello", "start": 0.5, "end": 1.0, "probability": 0.875},
        {"word": "there.", "start": 1.0, "end": 1.75, "probability": 0.875},
        {"word": "Bye.", "start": 3723.004, "end": 3725.25, "probability": 0.875},
    ]


def test_words_and_segments():
    answer = json.loads(render(TWO, "verbose_json", granularities=["word", "segment"]))
    assert len(answer["segments"]) == 2
    assert len(answer["words"]) == 3


def test_translation_is_english_whatever_was_spoken():
    hindi = replace(TWO, language="hi", task="translate")
    answer = json.loads(render(hindi, "verbose_json"))
    assert (answer["task"], answer["language"]) == ("translate", "english")


def test_official_client_reads_it():
    types = pytest.importorskip("openai.types.audio")
    answer = render(TWO, "verbose_json", granularities=["word", "segment"])
    read = types.TranscriptionVerbose.model_validate_json(answer)
    assert read.language == "english"
    assert read.words[0].word == "Hello"
    assert read.words[0].probability == 0.875
    assert read.segments[1].text == " Bye."
    assert read.usage.seconds == 3726
    assert read.coverage["seams"]["agreed"] == 0
    assert types.Transcription.model_validate_json(render(TWO, "json")).text == TWO.text
    diarized = types.TranscriptionDiarized.model_validate_json(render(TWO, "diarized_json"))
    assert diarized.segments[0].speaker == "A"


COVERAGE = Coverage(
    speech_seconds=100.0,
    uncovered_seconds=2.5,
    uncovered=(Span(10.0, 12.5),),
    doubtful=(Span(50.0, 51.0),),
    seams=(Seam(0, 1, 27.5, "agreed", 3), Seam(1, 2, 52.5, "uncertain")),
    redecoded=(Redecoded(7, 40.0, 65.0, "seam", 12),),
    truncated=(Span(75.0, 105.0),),
)


def test_coverage_says_what_is_not_certain():
    answer = json.loads(render(replace(TWO, coverage=COVERAGE), "verbose_json"))
    assert answer["coverage"] == {
        "windows": 2,
        "warnings": [],
        "speech_seconds": 100.0,
        "uncovered_seconds": 2.5,
        "uncovered": [{"start": 10.0, "end": 12.5}],
        "doubtful": [{"start": 50.0, "end": 51.0}],
        "seams": {"agreed": 1, "voted": 0, "repaired": 0, "uncertain": 1, "silent": 0},
        "uncertain_seams": [52.5],
        "redecoded": [{"window": 7, "start": 40.0, "end": 65.0, "reason": "seam", "words": 12}],
        "truncated": [{"start": 75.0, "end": 105.0}],
    }


def test_figures_that_are_not_numbers_are_null():
    odd = replace(HELLO, avg_logprob=-math.inf, compression_ratio=math.nan)
    (part,) = json.loads(render(transcript(odd), "verbose_json"))["segments"]
    assert part["avg_logprob"] is None
    assert part["compression_ratio"] is None


def test_other_scripts_stay_readable():
    hindi = segment(0, 0, 1, spoken(" नमस्ते", 0, 1))
    for name in RESPONSE_FORMATS:
        assert "नमस्ते" in render(transcript(hindi), name)


NASTY = segment(0, 0, 1, spoken(" a --> b", 0, 0.5), spoken(" <b>&\n\n1\t!", 0.5, 1))


def test_srt_text_cannot_end_its_cue():
    text = render(transcript(NASTY), "srt")
    assert text == "1\n00:00:00,000 --> 00:00:01,000\na -> b <b>& 1 !\n"


def test_vtt_text_is_escaped():
    text = render(transcript(NASTY), "vtt")
    assert text.endswith("00:00:01.000\na --&gt; b &lt;b&gt;&amp; 1 !\n")


def test_tsv_text_keeps_its_row():
    assert render(transcript(NASTY), "tsv").splitlines()[1:] == ["0\t1000\ta --> b <b>& 1 !"]


def test_blank_cues_are_left_out_and_numbers_go_on():
    blank = segment(1, 2, 3, spoken(" ", 2, 3))
    text = render(transcript(HELLO, blank, LATE), "srt")
    assert re.findall(r"^\d+$", text, re.MULTILINE) == ["1", "2"]


def test_cue_of_no_length_still_ends_after_it_starts():
    instant = segment(0, 2.0, 2.0, spoken(" Now.", 2.0, 2.0))
    at_once = segment(1, 2.0, 3.0, spoken(" Then.", 2.0, 3.0))
    assert "00:00:02,000 --> 00:00:02,001\nNow." in render(transcript(instant, at_once), "srt")


def test_long_segments_become_several_cues_of_short_lines():
    words = [spoken(f" word{n}", n * 0.5, n * 0.5 + 0.5, n) for n in range(24)]
    blocks = render(transcript(segment(0, 0, 12, *words)), "srt").split("\n\n")
    assert len(blocks) > 1
    assert all(len(line) <= 42 for block in blocks for line in block.splitlines())
    assert "".join(blocks).count("word") == 24


def test_rounding_never_gives_a_thousand_milliseconds():
    edge = segment(0, 59.9996, 62.9999, spoken(" Edge.", 59.9996, 62.9999))
    assert "00:01:00.000 --> 00:01:03.000" in render(transcript(edge), "vtt")


def test_more_than_a_hundred_hours():
    far = segment(0, 360_000, 360_001, spoken(" Far.", 360_000, 360_001))
    assert "100:00:00,000 --> 100:00:01,000" in render(transcript(far), "srt")


SPLIT = transcript(
    replace(HELLO, channel=0), replace(LATE, channel=1), duration=3726.0, task="transcribe"
)


def test_channels_are_speakers():
    answer = json.loads(render(SPLIT, "diarized_json"))
    assert answer["segments"][1] == {
        "type": "transcript.text.segment",
        "id": "seg_1",
        "start": 3723.004,
        "end": 3725.25,
        "text": "Bye.",
        "speaker": "B",
    }
    assert answer["duration"] == 3726.0
    assert answer["usage"]["seconds"] == 3726


def test_channels_show_in_every_timed_format():
    assert "A: Hello there." in render(SPLIT, "srt")
    assert "<v B>Bye." in render(SPLIT, "vtt")
    answer = verbose_document(SPLIT, ["word", "segment"])
    assert [part["channel"] for part in answer["segments"]] == [0, 1]
    assert [word["channel"] for word in answer["words"]] == [0, 0, 1]


@pytest.mark.parametrize("name", RESPONSE_FORMATS)
def test_no_part_is_longer_than_a_segment_and_its_words(name):
    """But for the text and the coverage report, which stand in the JSON whole."""
    many = [replace(HELLO, id=number, channel=0) for number in range(400)]
    parts = list(render_parts(transcript(*many), name, Look(("segment", "word"))))
    assert "".join(parts) == render(transcript(*many), name, granularities=("segment", "word"))
    assert len(parts) >= (2 if name in ("json", "text") else 400)
    longest = max(len(part) for part in parts if not part.startswith(('"Hello there.', "Hello")))
    assert longest < 400


def test_json_in_parts_is_that_of_the_library():
    entries = [{"a": 1.5, "b": None}, {"a": "é"}]
    parts = json_parts({"none": iter([]), "some": iter(entries), "text": "x"})
    whole = {"none": [], "some": entries, "text": "x"}
    assert "".join(parts) == json.dumps(whole, ensure_ascii=False) + "\n"


def test_unknown_format():
    with pytest.raises(ValueError, match="response_format must be one of json"):
        render(TWO, "docx")


def test_language_names_are_whispers():
    tokenizer = pytest.importorskip("whisper.tokenizer")
    assert tokenizer.LANGUAGES == LANGUAGE_NAMES
    assert language_name("xx") == "xx"
