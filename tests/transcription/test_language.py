from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from chunking.types import Piece, Window, Word
from decoding.types import DecodingOptions, ModelCard
from tests.planned import planned
from transcription.errors import UnsupportedRequest
from transcription.ingest import whole_track
from transcription.language import Settled, likeliest, most_spoken, settle_language
from transcription.options import TranscriptionOptions
from transcription.types import DetectedSpeech, Recording

ENGLISH = ModelCard("base.en", False, ("en",), 0, "cpu", "fp32")
MANY = ModelCard("base", True, ("en", "hi", "de"), 0, "cpu", "fp32")
ON_A_CARD = replace(MANY, device="cuda:0")
TRACK = whole_track(Recording(Path("nowhere"), 16_000, "digest"), DetectedSpeech((), ()))
TRACK.read_on()
WINDOWS = [Window(index, index * 25.0, index * 25.0 + 30.0) for index in range(10)]
Languages = str | tuple[tuple[str, float], ...]


class Voters:
    """Windows that are in these languages, by index; `asked` for (indices, kind, task)."""

    def __init__(self, model: ModelCard, languages: dict[int, Languages] | None = None) -> None:
        self.model = model
        self.asked: list[tuple[list[int], str, str]] = []
        self._languages = languages or {}

    def submit(self, recording, windows, options):
        (kind,) = {window.kind for window in windows}
        self.asked.append(([window.index for window in windows], kind, options.decoding.task))
        future = Future()
        future.set_result(tuple(self._piece(window) for window in windows))
        return future

    def _piece(self, window: Window) -> Piece:
        said = self._languages[window.index]
        if isinstance(said, str):
            return Piece(window, (), language=said)
        return Piece(window, (), language=said[0][0], languages=said)


def settle(voters: Voters, windows: int = 10, count: int = 3, **asked) -> Settled:
    decoding = DecodingOptions(**asked)
    options = TranscriptionOptions(decoding=decoding, language_detection_windows=count)
    return settle_language(TRACK, planned(WINDOWS[:windows]), voters, options)


def test_english_only_model_speaks_english():
    assert settle(Voters(ENGLISH)).options.decoding.language == "en"


def test_windows_spread_over_the_recording_vote():
    voters = Voters(ON_A_CARD, {0: "de", 4: "hi", 9: "hi"})
    settled = settle(voters)
    assert settled.options.decoding.language == "hi"
    assert settled.options.decoding.task == "transcribe"
    assert settled.opening == ()
    assert voters.asked == [([0, 4, 9], "language", "lang_id")]


@pytest.mark.parametrize(
    ("planned", "asked", "heard"),
    [(1, 3, [0]), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (10, 1, [0]), (10, 2, [0, 9])],
)
def test_first_and_last_windows_vote_in_any_plan(planned, asked, heard):
    voters = Voters(ON_A_CARD, dict.fromkeys(heard, "de"))
    settle(voters, planned, asked)
    ((windows, _, _),) = voters.asked
    assert windows == heard


OPENING = ([0], "grid", "transcribe")
MIDDLE, LAST = (([index], "language", "lang_id") for index in (4, 9))


@pytest.mark.parametrize(
    ("heard", "language", "asked"),
    [
        # two that are sure of it cannot be outvoted by the last
        ({0: (("de", 0.9),), 4: (("de", 0.8), ("en", 0.1))}, "de", [OPENING, MIDDLE]),
        # two that are not so sure can
        (
            {0: (("de", 0.5), ("en", 0.3)), 4: (("de", 0.4), ("en", 0.3)), 9: (("en", 0.9),)},
            "en",
            [OPENING, MIDDLE, LAST],
        ),
        ({0: (("de", 0.9),), 4: (("en", 0.9),), 9: (("en", 0.9),)}, "en", [OPENING, MIDDLE, LAST]),
        ({0: (("de", 0.9),), 4: (("en", 0.9),), 9: (("de", 0.9),)}, "de", [OPENING, MIDDLE, LAST]),
    ],
)
def test_on_a_processor_the_first_window_is_transcribed_while_it_votes(heard, language, asked):
    voters = Voters(MANY, heard)
    settled = settle(voters)
    assert voters.asked == asked
    assert settled.options.decoding.language == language
    opening = [piece.language for piece in settled.opening]
    assert opening == ([language] if heard[0][0][0] == language else [])
    assert all(piece.languages == () for piece in settled.opening)  # it is no window of several
    on_a_card = settle(Voters(ON_A_CARD, {9: heard[0], **heard}))  # whom nobody asked agrees
    assert on_a_card.options == settled.options


def test_a_lone_window_decides_alone():
    voters = Voters(MANY, {0: (("hi", 0.3), ("de", 0.2))})
    assert settle(voters, windows=1).options.decoding.language == "hi"
    assert voters.asked == [OPENING]


def test_a_sure_window_outvotes_two_unsure_ones():
    heard = [(("la", 0.3),), (("la", 0.4),), (("de", 0.9),)]
    probes = [Piece(WINDOWS[0], (), languages=languages) for languages in heard]
    assert likeliest(probes) == "de"
    assert likeliest(probes[:2]) == "la"
    assert likeliest([]) == "en"


def test_second_choices_count():
    """A Finnish poem: one window is taken for Latin, one hears hardly any difference."""
    poem = [(("la", 0.7), ("is", 0.1)), (("la", 0.32), ("fi", 0.3)), (("fi", 0.82), ("et", 0.04))]
    assert likeliest(Piece(WINDOWS[0], (), languages=languages) for languages in poem) == "fi"


def test_a_given_language_is_not_detected():
    assert settle(Voters(MANY), language="de").options.decoding.language == "de"


def test_allowed_languages_are_left_to_each_window():
    decided = settle(Voters(MANY), languages=("en", "hi")).options.decoding
    assert decided.language is None
    assert decided.languages == ("en", "hi")


def test_a_recording_without_windows_needs_no_language():
    voters = Voters(MANY)
    assert settle(voters, windows=0).options.decoding.language is None
    assert voters.asked == []


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        (ENGLISH, {"language": "hi"}, "knows only English, not 'hi'"),
        (MANY, {"languages": ("en", "xx")}, "knows 3 languages, not 'xx'"),
        (ENGLISH, {"task": "translate"}, "cannot translate"),
    ],
)
def test_what_the_model_has_not_learned_is_refused(model, asked, message):
    with pytest.raises(UnsupportedRequest, match=message):
        settle(Voters(model), **asked)


def test_most_words_decide_not_most_windows():
    word = Word(" a", 0.0, 0.1, 1.0, (), 0, 0)
    pieces = [Piece(WINDOWS[0], (word, word, word), language="hi")]
    pieces += [replace(Piece(window, (word,)), language="en") for window in WINDOWS[1:3]]
    assert most_spoken(pieces) == "hi"
    assert most_spoken([]) == "en"
