import io

from rich.console import Console

from chunking.types import Coverage, Redecoded, Seam, Span
from transcription.console import ProgressBars, clock, report, tell
from transcription.types import Transcript


def transcript(coverage: Coverage) -> Transcript:
    return Transcript("en", 3725.0, (), coverage, 150, "toy")


def test_clock():
    assert [clock(seconds) for seconds in (7.9, 750.0, 3723.0)] == ["0:07", "12:30", "1:02:03"]


def test_a_line_is_told_as_it_is():
    console = Console(file=io.StringIO(), width=20)
    tell(console, path := f"/calls/{'long ' * 20}[red].wav", "red")
    assert console.file.getvalue() == f"{path}\n"


def test_report_names_every_doubt():
    seams = (Seam(0, 1, 25.0, "agreed"), Seam(1, 2, 50.0, "agreed"), Seam(2, 3, 75.0, "uncertain"))
    text = report(
        transcript(
            Coverage(
                speech_seconds=3000.0,
                uncovered_seconds=2.5,
                uncovered=(Span(61.0, 63.5),),
                doubtful=(Span(100.0, 101.0),),
                seams=seams,
                redecoded=(Redecoded(150, 60.0, 90.0, "gap", 4),),
                truncated=(Span(200.0, 230.0),),
            )
        )
    )
    assert "1:02:05, 150 windows" in text
    assert "2.5 s at 1:01-1:03" in text
    assert "2 agreed, 1 uncertain; uncertain at 1:15" in text
    assert "decoded again    1 at 1:00-1:30 (gap, 4 words)" in text
    assert "cut short        1 at 3:20-3:50" in text
    assert "doubtful words   1 at 1:40-1:41" in text


def test_report_of_hearing_again_in_vain():
    again = (Redecoded(7, 0.0, 30.0, "gap", 3), Redecoded(8, 60.0, 90.0, "hidden", 0))
    text = report(transcript(Coverage(10.0, 0.0, redecoded=again)))
    told = "2, 1 in vain at 0:00-0:30 (gap, 3 words), 1:00-1:30 (hidden, 0 words)"
    assert f"decoded again    {told}" in text


def test_report_of_a_clean_short_recording():
    text = report(transcript(Coverage(10.0, 0.0)))
    assert "seams            none" in text
    assert "without words    0.0 s\n" in text


def test_long_lists_are_cut():
    spans = tuple(Span(float(start), start + 1.0) for start in range(0, 120, 10))
    assert "and 2 more" in report(transcript(Coverage(10.0, 12.0, spans)))


def test_bars_write_to_their_console_alone():
    sink = io.StringIO()
    console = Console(file=sink, force_terminal=True, width=100)
    with ProgressBars(console) as bars:
        bar = bars.bar("talk.mp3")
        bar.ingested(45.0)
        bars._progress.refresh()
        bar.planned(60.0, 2)
        bar.decoded(1, 30.0)
        bars._progress.refresh()
        bar.segments(())
        bar.remove()
    assert "talk.mp3" in sink.getvalue()
    assert "listening, 0:45" in sink.getvalue()
    assert "0:30 of 1:00" in sink.getvalue()
