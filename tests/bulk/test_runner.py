"""Many lines on one engine: side by side, each entered once, and what ends the run."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from rich.console import Console

from bulk import transcribing as module
from bulk.entries import Entry
from bulk.fetch import Fetcher
from bulk.index import Index
from bulk.manifest import Line
from bulk.output import Output, OutputFailed
from bulk.progress import Progress
from bulk.results import Results
from bulk.runner import Runner
from bulk.transcribing import RunStopped, Work, options_for
from decoding.errors import EngineAway, EngineFailed, PoisonClip
from decoding.types import Clip, Decoded, DecodingOptions
from tests.planted import PlantedDecoder, plant, text_of, write_wav
from transcription.errors import DecoderFailed
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.outward import Reach
from transcription.reader import ThreadReader
from transcription.sound_download import DownloadLimits

PATIENCE_SECONDS = 60.0
OPTIONS = TranscriptionOptions(speech=SpeechOptions(skip_silence=False))


class Engine(PlantedDecoder):
    """`answers` says for a group what it fails of, if it does; `meet`: how many are met at once."""

    def __init__(self, answers: Callable[[str], Exception | None] = lambda _group: None) -> None:
        super().__init__()
        self.answers = answers
        self.groups: list[str] = []

    def submit(self, clip: Clip, options: DecodingOptions) -> Future[Decoded]:
        self.groups.append(clip.group)
        if (error := self.answers(clip.group)) is not None:
            raise error
        return super().submit(clip, options)


class Bench:
    """A run with everything real but the engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = Output(str(folder / "out"), folder)
        (folder / "work").mkdir()
        self.index = Index(self.output, folder)
        self.fetcher = Fetcher(DownloadLimits(Reach(), 1 << 20))

    def lines(self, *names: str) -> list[Line]:
        return [
            Line(number, name, name, str(write_wav(self.folder / name, plant(4))))
            for number, name in enumerate(names, start=1)
        ]

    def run(self, engine: Engine, lines: Iterable[Line], **more: int) -> None:
        work = Work(
            *(engine, OPTIONS, ThreadReader(), self.fetcher),
            *(Results(self.output), self.folder / "work"),
            **{name: value for name, value in more.items() if name != "ahead"},
        )
        progress = Progress(Console(file=io.StringIO()), total=1, done=0)
        try:
            with self.output.opened():
                Runner(work, self.index, progress, more.get("ahead", 4)).run(lines)
        finally:
            engine.close()
            assert list((self.folder / "work").iterdir()) == []

    def entry(self, name: str) -> Entry:
        found = self.index.find(name)
        assert found is not None
        return found


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    bench = Bench(tmp_path)
    yield bench
    bench.index.close()


def test_several_recordings_are_in_the_engine_together(bench: Bench):
    together = threading.Barrier(3)

    def meet(_group: str) -> None:
        together.wait(PATIENCE_SECONDS)

    bench.run(Engine(meet), bench.lines("a", "b", "c"), at_once=3)
    assert {bench.entry(name).words for name in "abc"} == {4}


def test_what_is_fetched_ahead_is_bounded(bench: Bench):
    fetched, is_free = [], threading.Event()
    real = bench.fetcher.fetch

    def fetch(source: str, folder: Path) -> Path:
        fetched.append(source)
        if len(fetched) == 3:  # one at work and two ahead: a fourth would come before it is free
            threading.Timer(0.3, is_free.set).start()
        return real(source, folder)

    def wait(_group: str) -> None:
        if not is_free.is_set():
            assert is_free.wait(PATIENCE_SECONDS)
            assert len(fetched) == 3

    bench.fetcher.fetch = fetch  # type: ignore[method-assign]  # the same, watched
    bench.run(Engine(wait), bench.lines(*"abcdef"), at_once=1, ahead=2)
    assert {bench.entry(name).status for name in "abcdef"} == {"completed"}


def test_a_recording_that_kills_the_engine_fails_alone(bench: Bench):
    engine = Engine(lambda group: PoisonClip("died") if group == "b" else None)
    bench.run(engine, bench.lines("a", "b", "c"))
    assert bench.entry("b").error_code == "recording_stops_engine"
    assert engine.groups.count("b") == 1
    assert (bench.entry("a").status, bench.entry("c").status) == ("completed", "completed")


@pytest.mark.parametrize("error", [EngineFailed("lost"), DecoderFailed("killed")])
def test_what_is_not_the_recording_s_fault_is_tried_again(bench: Bench, error: Exception):
    engine = Engine(lambda group: error if engine.groups.count(group) < 3 else None)
    bench.run(engine, bench.lines("a"))
    assert bench.entry("a").status == "completed"


def test_tries_are_bounded(bench: Bench):
    engine = Engine(lambda _group: EngineFailed("lost"))
    bench.run(engine, bench.lines("a"))
    assert bench.entry("a").error_code == "engine_failed"
    assert engine.groups == ["a"] * 3


def test_an_engine_that_comes_back_is_waited_for(bench: Bench):
    engine = Engine(lambda group: EngineAway("away") if engine.groups.count(group) < 9 else None)
    bench.run(engine, bench.lines("a"))
    assert bench.entry("a").status == "completed"


def test_an_engine_that_stays_away_ends_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.0)
    engine = Engine(lambda group: EngineAway("away") if group == "b" else None)
    with pytest.raises(RunStopped, match="away"):
        bench.run(engine, bench.lines("a", "b", *map(str, range(50))), at_once=1, ahead=0)
    assert bench.entry("a").status == "completed"
    assert bench.index.find("b") is None  # nobody's fault: it is still to do
    assert bench.index.find("49") is None


def test_a_mistake_of_ours_fails_one_recording(bench: Bench, caplog: pytest.LogCaptureFixture):
    engine = Engine(lambda group: KeyError("oops") if group == "a" else None)
    bench.run(engine, bench.lines("a", "b"))
    assert bench.entry("a").error_code == "internal_error"
    assert "oops" in caplog.text
    assert bench.entry("b").status == "completed"


def test_a_recording_that_cannot_be_read_to_its_end_fails(bench: Bench):
    engine = Engine(lambda _group: OSError(errno.EIO, "Input/output error"))
    bench.run(engine, bench.lines("a"))
    assert bench.entry("a").error_code == "recording_unreadable"
    assert bench.entry("a").error == "The recording could not be read: Input/output error."


def test_a_full_disk_ends_the_run(bench: Bench):
    engine = Engine(lambda _group: OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(RunStopped, match="No space left"):
        bench.run(engine, bench.lines("a", "b"))
    assert bench.index.find("a") is None


def test_a_prefix_that_cannot_be_written_to_ends_the_run(bench: Bench):
    engine = Engine(lambda _group: (bench.output.path / "results").write_text("x") and None)
    with pytest.raises(OutputFailed, match="could not be written"):
        bench.run(engine, bench.lines("a"))
    assert bench.index.find("a") is None


def test_an_interruption_ends_the_run_and_keeps_what_was_done(bench: Bench):
    lines = bench.lines(*map(str, range(40)))

    def interrupted() -> Iterator[Line]:
        yield from lines[:20]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(Engine(), interrupted(), at_once=2)
    assert bench.entry("0").status == "completed"
    done = [line.id for line in lines if bench.index.find(line.id)]
    assert len(done) <= 20
    assert {bench.entry(name).status for name in done} == {"completed"}


def test_a_result_that_is_there_is_not_made_again(bench: Bench):
    bench.run(Engine(), bench.lines("a", "b"))
    bench.index.close()
    bench.index = Index(bench.output, bench.folder)  # what a kill leaves: no line of it
    engine = Engine()
    bench.run(engine, bench.lines("b", "a"))
    assert engine.groups == []
    assert (bench.entry("a").line, bench.entry("b").line) == (2, 1)
    bench.run(Engine(), bench.lines("a"), overwrite=True)
    assert bench.entry("a").words == 4


def test_a_reference_is_scored(bench: Bench):
    (line,) = bench.lines("a")
    said = f"{text_of(3)} and more"  # w0 is two words to these rules
    bench.run(Engine(), [Line(1, "a", "a", line.source, None, said)])
    entry = bench.entry("a")
    counts = (entry.substitutions, entry.deletions, entry.insertions, entry.reference_words)
    assert counts == (2, 0, 0, 8)
    assert entry.normalizer == "openai-english"


def test_a_line_chooses_its_language():
    line = Line(1, "a", "a", "a", "zh-TW")
    options = options_for(line, TranscriptionOptions(decoding=DecodingOptions(language="de")))
    assert (options.decoding.language, options.script) == ("zh", "Hant-TW")
    assert options_for(Line(1, "a", "a", "a"), OPTIONS) is OPTIONS
