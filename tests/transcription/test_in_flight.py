from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from chunking.options import WindowOptions
from chunking.plan import plan_for
from chunking.types import Piece, Span, Window, Word
from decoding.types import ModelCard
from tests.planned import planned
from transcription.in_flight import GROUP_WINDOWS, WINDOWS_IN_FLIGHT, decode_windows
from transcription.ingest import whole_track
from transcription.options import TranscriptionOptions
from transcription.types import DetectedSpeech, Recording

CARD = ModelCard("toy", False, ("en",), 0, "cpu", "fp32")
TRACK = whole_track(Recording(Path("nowhere"), 16_000, "digest"), DetectedSpeech((), ()))
TRACK.read_on()


class Landing(Future):
    """Is done the moment somebody waits for it."""

    def __init__(self, windows, in_flight) -> None:
        super().__init__()
        self.windows = windows
        self._in_flight = in_flight

    def result(self, timeout=None):
        self._in_flight.remove(self)
        return tuple(spoken(window) for window in self.windows)


class LateWindows:
    """Nothing lands before it is waited for."""

    def __init__(self, device: str = "cpu") -> None:
        self.model = replace(CARD, device=device)
        self.in_flight = []
        self.groups = []
        self.most_in_flight = 0
        self.beside_the_first = 0

    def submit(self, recording, windows, options):
        self.in_flight.append(Landing(windows, self.in_flight))
        self.groups.append(tuple(windows))
        together = sum(len(one.windows) for one in self.in_flight)
        self.most_in_flight = max(self.most_in_flight, together)
        if any(window.index == 0 for one in self.in_flight for window in one.windows):
            self.beside_the_first = max(self.beside_the_first, together - 1)
        return self.in_flight[-1]


class PromptWindows:
    """Answers at once; each window says its own number."""

    model = CARD
    temperature = 0.0

    def __init__(self) -> None:
        self.prompts = []

    def submit(self, recording, windows, options):
        self.prompts.append(options.decoding.prompt)
        future = Future()
        pieces = [replace(spoken(window), temperature=self.temperature) for window in windows]
        future.set_result(tuple(pieces))
        return future


def spoken(window: Window) -> Piece:
    """A word at its start, and one that the next window hears too."""
    said = (f" word{window.index}", window.start), (" both", window.end - 1.0)
    words = (
        Word(text, start, start + 1.0, 1.0, (1,), window.index, place)
        for place, (text, start) in enumerate(said)
    )
    return Piece(window, tuple(words))


def plan(count: int) -> list[Window]:
    return [Window(index, index * 25.0, index * 25.0 + 30.0) for index in range(count)]


def test_pieces_come_in_order_and_flight_is_bounded():
    windows = LateWindows()
    many = plan(WINDOWS_IN_FLIGHT + 3 * GROUP_WINDOWS + 1)
    pieces = decode_windows(TRACK, planned(many), windows, TranscriptionOptions())
    assert [piece.window for piece in pieces] == many
    assert windows.most_in_flight == WINDOWS_IN_FLIGHT
    assert windows.in_flight == []


@pytest.mark.parametrize(
    ("device", "sizes", "beside"),
    [("cpu", [1, 1, 2, 2, 2], 0), ("cuda:0", [1, 1, 2, 4, 8, 8], WINDOWS_IN_FLIGHT - 1)],
)
def test_first_words_come_early(device: str, sizes: list[int], beside: int):
    """Small groups first; and the first window alone where company would slow it down."""
    windows = LateWindows(device)
    many = planned(plan(WINDOWS_IN_FLIGHT + 20))
    list(decode_windows(TRACK, many, windows, TranscriptionOptions()))
    assert [len(group) for group in windows.groups[: len(sizes)]] == sizes
    assert windows.beside_the_first == beside


def test_the_opening_is_not_decoded_again():
    windows, many = LateWindows("cpu"), plan(4)
    opening = Piece(many[0], ())
    pieces = decode_windows(
        TRACK, planned(many), windows, TranscriptionOptions(), opening=(opening,)
    )
    assert next(pieces) is opening
    assert [piece.window for piece in pieces] == many[1:]
    assert [window for group in windows.groups for window in group] == many[1:]


def test_a_repair_is_not_kept_waiting_by_what_lies_behind_it():
    """However full it is, it is the next to land, and its own repairs after it."""
    windows = LateWindows("cuda:0")
    many = plan(WINDOWS_IN_FLIGHT + 20)
    repairs = [Window(900 + number, 3.0, 33.0, "gap") for number in range(3)]
    wanted = iter([[repairs[0], repairs[1]], [repairs[2]]])
    pieces = decode_windows(
        TRACK, planned(many), windows, TranscriptionOptions(), lambda: next(wanted, [])
    )
    seen = [piece.window for piece in pieces]
    assert seen == [many[0], *repairs, *many[1:]]
    assert windows.most_in_flight <= WINDOWS_IN_FLIGHT + GROUP_WINDOWS


def test_no_windows_no_pieces():
    assert list(decode_windows(TRACK, planned([]), LateWindows(), TranscriptionOptions())) == []


def test_previous_text_prompts_the_next_window():
    windows = PromptWindows()
    options = TranscriptionOptions(condition_on_previous_text=True)
    options = replace(options, decoding=replace(options.decoding, prompt="Names: Ada."))
    list(decode_windows(TRACK, planned(plan(3)), windows, options))
    assert windows.prompts == ["Names: Ada.", "Names: Ada. word0", "Names: Ada. word1"]


def test_a_repair_neither_hears_previous_text_nor_is_it():
    windows = PromptWindows()
    repairs = iter([[Window(9, 3.0, 33.0, "gap")], [], [], []])
    options = TranscriptionOptions(condition_on_previous_text=True)
    list(decode_windows(TRACK, planned(plan(3)), windows, options, lambda: next(repairs)))
    assert windows.prompts == [None, None, "word0", "word1"]


def test_text_of_a_hot_window_prompts_nobody():
    windows = PromptWindows()
    windows.temperature = 0.8
    options = TranscriptionOptions(condition_on_previous_text=True)
    list(decode_windows(TRACK, planned(plan(2)), windows, options))
    assert windows.prompts == [None, None]


def test_a_chain_passes_its_text_on():
    windows = PromptWindows()
    options = TranscriptionOptions(
        windows=WindowOptions(plan="chains", chain=60.0), condition_on_previous_text=True
    )
    everywhere = plan_for((Span(0.0, 200.0),), 200.0, options.planning)
    pieces = list(decode_windows(TRACK, everywhere, windows, options))
    expected = [None, *(f"word{piece.window.index}" for piece in pieces[:-1])]
    assert windows.prompts == expected


def test_chains_that_have_begun_end_before_others_begin():
    """A hundred chains: the earliest step forward together, repairs before them."""
    options = TranscriptionOptions(windows=WindowOptions(plan="chains", chain=60.0))
    everywhere = plan_for((Span(0.0, 6000.0),), 6000.0, options.planning)
    windows, repair = LateWindows(), Window(2_000_000, 3.0, 33.0, "gap")
    wanted = iter([[], [repair]])
    pieces = decode_windows(TRACK, everywhere, windows, options, lambda: next(wanted, []))
    seen = [piece.window for piece in pieces]
    assert everywhere.is_whole
    assert sorted(seen, key=lambda window: window.index) == [*everywhere.windows, repair]
    assert windows.most_in_flight <= WINDOWS_IN_FLIGHT + GROUP_WINDOWS
    assert seen.index(repair) == 2
    starts = [window.start for window in seen]
    most_ahead = max(start - min(starts[place:]) for place, start in enumerate(starts))
    assert most_ahead <= 60.0 * 2 * GROUP_WINDOWS
