from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.formats.types import FormatError, TimedWord
from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import PeerTranscript
from benchmarks.records import FileRecord, RunRecord, SystemRecord, read_run
from benchmarks.reports.assessment import assess, to_json, write_report
from benchmarks.reports.html import render_html, shortened, stretches
from benchmarks.reports.markdown import render_markdown

SAID = "one two three four"
HINDI = "मेरी किताब मेज पर"


def record(name: str, reference: str, heard: str, language: str = "en") -> FileRecord:
    words = tuple(
        TimedWord(word, 60.0 * n, 60.0 * n + 1) for n, word in enumerate(reference.split())
    )
    item = Item(name, (AudioPart(Path("a.wav")),), reference, language, words=words)
    return FileRecord(item, 240.0, PeerTranscript(heard, seams=(61.0,)), 24.0, 2**20, 0)


def run_of(*systems: SystemRecord, normalizers: tuple[str, ...] = ("none",)) -> RunRecord:
    return RunRecord(
        "set <b>",
        "2026-01-01T00:00:00+00:00",
        "python -m benchmarks run",
        normalizers,
        systems,
        {"cores": "2"},
        ("a note",),
    )


@pytest.fixture
def run() -> RunRecord:
    ours = SystemRecord(
        "ours", {"beam_size": "5"}, {"torch": "2"}, (record("r1", SAID, "one tow three four"),)
    )
    failed = FileRecord(record("r2", SAID, "").item, 0.0, error="RuntimeError: <no>")
    theirs = SystemRecord(
        "theirs | x",
        {},
        {},
        (record("r1", SAID, "one three four <script>alert(1)</script> end"), failed),
    )
    return run_of(ours, theirs)


def test_report_can_be_read_and_scored_again(run: RunRecord, tmp_path: Path) -> None:
    written = write_report(assess(run), tmp_path)
    again = read_run(written.json)
    assert again == run
    content = json.loads(written.json.read_text())
    assert content["scores"] == to_json(assess(again))["scores"]
    assert content["scores"][0]["wer"] == 0.25
    assert content["comparisons"][0]["recordings"] == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "other"}'])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FormatError):
        read_run(tmp_path / "x.json")


def test_markdown(run: RunRecord) -> None:
    text = render_markdown(assess(run))
    assert "normaliser none" in text
    assert re.search(r"\| ours \| 25\.00 % \|", text)
    assert "theirs \\| x" in text
    assert "torch 2" in text
    assert "beam_size 5" in text
    assert "r2: RuntimeError" in text
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ours |")}
    assert widths == {8, 5, 6}


class Page(HTMLParser):
    """Tags in order, every attribute that could load something, and what surrounds a table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.regions: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "div":
            self.regions.append(dict(attributes))
        self.sources += [v or "" for k, v in attributes if k in {"src", "href", "action"}]


def test_page_stands_alone_and_escapes(run: RunRecord) -> None:
    text = render_html(assess(run))
    page = Page(text)
    assert page.sources == []
    assert "script" not in page.tags
    assert "b" not in page.tags
    assert "&lt;script&gt;" in text
    assert "url(" not in text
    assert page.tags.count("details") == 2
    assert "svg" in page.tags


def test_page_for_keyboards_and_screen_readers(run: RunRecord) -> None:
    """Landmarks, and tables that are wider than a phone scroll without a mouse."""
    page = Page(render_html(assess(run, ("none", "openai-english"))))
    assert page.tags.count("main") == page.tags.count("h1") == 1
    assert page.tags.index("main") < page.tags.index("h1")
    names = [region["aria-label"] for region in page.regions]
    assert len(set(names)) == len(names) == page.tags.count("table")
    assert {(region["role"], region["tabindex"]) for region in page.regions} == {("region", "0")}


def test_every_error_has_its_place(run: RunRecord) -> None:
    file = assess(run).evaluations[0][0].files[0]
    wrong = [s for s in stretches(file) if s.operation != "hit"]
    assert [(s.reference, s.hypothesis, s.clock) for s in wrong] == [("two", "tow", "1:00.0")]
    assert "said two, heard tow at 1:00.0" in render_html(assess(run))


def test_stripping_normaliser_is_flagged() -> None:
    heard = record("r", HINDI, "मेरा कीताब मेजे पर", "hi")
    run = run_of(SystemRecord("s", {}, {}, (heard,)), normalizers=("multilingual", "openai-basic"))
    assessment = assess(run)
    kept, stripped = (row[0].counts.error_rate for row in assessment.evaluations)
    assert kept == 0.75
    assert stripped == 0.0
    assert len(assessment.warnings) == 1
    for text in (render_markdown(assessment), render_html(assessment)):
        assert "removes vowel signs" in text
        assert text.index("normaliser multilingual") < text.index("removes vowel signs")


def test_several_normalisers_side_by_side(run: RunRecord) -> None:
    text = render_markdown(assess(run, ("none", "openai-english")))
    assert "normaliser none" in text
    assert "normaliser openai-english" in text


def test_a_run_where_nothing_worked() -> None:
    failed = FileRecord(record("r", SAID, "").item, 0.0, error="E: no")
    assessment = assess(run_of(SystemRecord("s", {}, {}, (failed,))))
    assert "E: no" in render_html(assessment)
    assert "| s | – |" in render_markdown(assessment)


def test_words_far_from_errors_are_counted() -> None:
    assert shortened("one two three") == ("one two three", 0, "")
    hits = " ".join(f"w{n}" for n in range(1100))
    head, hidden, tail = shortened(hits)
    assert (head.split()[-1], hidden, tail.split()[0]) == ("w11", 1076, "w1088")
