from chunking.types import Segment
from transcription.progress import Progress


class Diary:
    def __init__(self) -> None:
        self.entries = []

    def ingested(self, seconds):
        self.entries.append(("ingested", seconds))

    def planned(self, seconds, windows):
        self.entries.append(("planned", seconds, windows))

    def decoded(self, windows, seconds):
        self.entries.append(("decoded", windows, seconds))

    def segments(self, segments):
        self.entries += [(segment.id, segment.channel, segment.text) for segment in segments]


def test_two_channels_and_a_repair_are_counted_once():
    diary = Diary()
    progress = Progress(diary)
    progress.ingested(40.0)
    progress.track()
    progress.measured(40.0, 2)
    progress.decoded(30.0)
    progress.decoded(40.0)
    progress.repair(1)
    progress.decoded(35.0)
    progress.track()
    progress.measured(40.0, 1)
    progress.decoded(30.0)
    progress.segments(())
    assert diary.entries == [
        ("ingested", 40.0),
        ("planned", 40.0, 2),
        ("decoded", 1, 30.0),
        ("decoded", 2, 40.0),
        ("planned", 40.0, 3),
        ("decoded", 3, 40.0),
        ("planned", 80.0, 4),
        ("decoded", 4, 70.0),
    ]


def test_nobody_listening():
    progress = Progress(None)
    progress.track()
    progress.measured(1.0, 1)
    progress.decoded(1.0)
    progress.segments(())
    assert progress.windows_decoded == 1


def segment(number, text):
    return Segment(number, 0.0, 1.0, text, (), 0.0, -0.1, 1.0, 0.0, "en")


def test_final_segments_are_told_with_their_channel():
    """Each channel counts its own segments; who listens hears every number once."""
    diary = Diary()
    progress = Progress(diary)
    for channel in (0, 1):
        progress.track(channel)
        progress.measured(10.0, 1)
        progress.segments([segment(0, "yes"), segment(1, "no")])
    told = [entry for entry in diary.entries if len(entry) == 3 and entry[0] != "planned"]
    assert told == [(0, 0, "yes"), (1, 0, "no"), (2, 1, "yes"), (3, 1, "no")]


def test_nobody_listens():
    progress = Progress(None)
    progress.ingested(1.0)
    progress.track()
    progress.measured(1.0, 1)
    progress.segments([segment(0, "yes")])
