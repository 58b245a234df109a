import io

from rich.console import Console

from bulk.entries import Entry
from bulk.progress import Pace, Progress, Totals

HOUR_LONG = Entry(1, "completed", "a", duration=3600.0)
FAILED = Entry(2, "failed", "b", error_code="corrupt_audio")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_figures_of_a_pace():
    pace = Pace(price=2.0, recordings=30, sound_seconds=36_000.0, seconds=1800.0)
    assert pace.figures() == ("60 recordings/h, 20.0 h of sound per hour, 0.1000 per hour of sound")
    assert Pace().figures() == "nothing transcribed yet"


def test_a_line_now_and_then_where_nobody_watches():
    clock, file = Clock(), io.StringIO()
    progress = Progress(Console(file=file), total=10, done=3, clock=clock)
    with progress:
        progress.ended(HOUR_LONG, is_new=True)
        clock.now = 1800.0
        progress.ended(FAILED, is_new=True)
        progress.ended(HOUR_LONG, is_new=False)  # its result was there: no figure of this run
    assert file.getvalue() == ("5/10 done, 1 failed; 2 recordings/h, 2.0 h of sound per hour\n")
    assert progress.sentence.startswith("6/10 done")


def test_one_line_on_a_terminal():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100)
    with Progress(console, total=1, done=0) as progress:
        progress.ended(HOUR_LONG, is_new=True)
    assert "\x1b" in file.getvalue()


def test_nothing_is_shown_unless_wanted():
    clock, file = Clock(), io.StringIO()
    with Progress(Console(file=file), total=1, done=0, is_shown=False, clock=clock) as progress:
        clock.now = 1000.0
        progress.ended(HOUR_LONG, is_new=True)
    assert file.getvalue() == ""


def test_totals_pool_their_counts():
    totals = Totals()
    for substitutions, words in ((1, 10), (0, 30)):
        totals.add(
            Entry(
                *(1, "completed", "a"),
                duration=90.0,
                substitutions=substitutions,
                deletions=1,
                insertions=0,
                reference_words=words,
            )
        )
    totals.add(FAILED)
    assert list(totals.sentences()) == [
        "2 completed (3:00 of sound), 1 failed",
        "failed: 1 corrupt_audio",
        "word error rate 7.50%: 3 errors in 40 words of reference",
    ]
    assert totals.failed == 1


def test_without_references_there_is_no_rate():
    assert list(Totals().sentences()) == ["0 completed (0:00 of sound), 0 failed"]
