"""A bar for people at a terminal, plain lines for files."""

from io import StringIO

from rich.console import Console

from transcription.fetch_report import ConsoleReport, Silent

TOTAL = 133_000_000


def shown(*, is_terminal: bool) -> str:
    written = StringIO()
    console = Console(file=written, force_terminal=is_terminal, width=60)
    with ConsoleReport(console).download("base from a [red] and b", TOTAL) as moved:
        for done in range(0, TOTAL + 1, TOTAL // 100):
            moved(done)
    return written.getvalue()


def test_piped_progress_is_plain_lines() -> None:
    lines = shown(is_terminal=False).splitlines()
    assert lines[0] == "fetching base from a [red] and b: 133 MB"
    assert lines[1:] == [f"  {13.3 * tenth:.0f} of 133 MB" for tenth in range(1, 11)]


def test_a_terminal_shows_a_bar() -> None:
    written = shown(is_terminal=True)
    assert "base from a [red] and b" in written
    assert "133.0/133.0 MB" in written


def test_sentences_are_not_broken() -> None:
    written = StringIO()
    ConsoleReport(Console(file=written, width=20)).tell("one sentence that is longer than a line")
    assert written.getvalue() == "one sentence that is longer than a line\n"


def test_silence() -> None:
    report = Silent()
    report.tell("nothing")
    with report.download("nothing", 1) as moved:
        moved(1)
