from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from chunking.types import Piece, Window, Word
from decoding.types import DecodingOptions, ModelCard
from transcription.errors import UnsupportedRequest
from transcription.language import likeliest, most_spoken, settle_language
from transcription.options import TranscriptionOptions
from transcription.types import Recording

ENGLISH = ModelCard("base.en", False, ("en",), 0, "cpu", "fp32")
MANY = ModelCard("base", True, ("en", "hi", "de"), 0, "cpu", "fp32")
RECORDING = Recording(Path("nowhere"), 16_000, "digest")
PLAN = [Window(index, index * 25.0, index * 25.0 + 30.0) for index in range(10)]


class Probes:
    def __init__(self, model: ModelCard, languages: list[str]) -> None:
        self.model = model
        self.asked = []
        self._languages = languages

    def submit(self, recording, windows, options):
        self.asked.append((tuple(windows), options.decoding.task))
        future = Future()
        pieces = zip(windows, self._languages, strict=True)
        future.set_result(tuple(Piece(window, (), language=code) for window, code in pieces))
        return future


def settled(model: ModelCard, **asked) -> DecodingOptions:
    options = TranscriptionOptions(decoding=DecodingOptions(**asked))
    return settle_language(RECORDING, PLAN, Probes(model, []), options).decoding


def test_english_only_model_speaks_english():
    assert settled(ENGLISH).language == "en"


def test_windows_spread_over_the_recording_vote():
    probes = Probes(MANY, ["de", "hi", "hi"])
    options = settle_language(RECORDING, PLAN, probes, TranscriptionOptions())
    assert options.decoding.language == "hi"
    assert options.decoding.task == "transcribe"
    ((windows, task),) = probes.asked
    assert task == "lang_id"
    assert [window.index for window in windows] == [0, 4, 9]
    assert {window.kind for window in windows} == {"language"}


@pytest.mark.parametrize(
    ("planned", "asked", "heard"),
    [(1, 3, [0]), (2, 3, [0, 1]), (3, 3, [0, 1, 2]), (10, 1, [0]), (10, 2, [0, 9])],
)
def test_first_and_last_windows_vote_in_any_plan(planned, asked, heard):
    probes = Probes(MANY, ["de"] * len(heard))
    options = TranscriptionOptions(language_detection_windows=asked)
    settle_language(RECORDING, PLAN[:planned], probes, options)
    ((windows, _),) = probes.asked
    assert [window.index for window in windows] == heard


def test_a_sure_window_outvotes_two_unsure_ones():
    heard = [(("la", 0.3),), (("la", 0.4),), (("de", 0.9),)]
    probes = [Piece(PLAN[0], (), languages=languages) for languages in heard]
    assert likeliest(probes) == "de"
    assert likeliest(probes[:2]) == "la"
    assert likeliest([]) == "en"


def test_second_choices_count():
    """A Finnish poem: one window is taken for Latin, one hears hardly any difference."""
    poem = [(("la", 0.7), ("is", 0.1)), (("la", 0.32), ("fi", 0.3)), (("fi", 0.82), ("et", 0.04))]
    assert likeliest(Piece(PLAN[0], (), languages=languages) for languages in poem) == "fi"


def test_a_given_language_is_not_detected():
    assert settled(MANY, language="de").language == "de"


def test_allowed_languages_are_left_to_each_window():
    asked = TranscriptionOptions(decoding=DecodingOptions(languages=("en", "hi")))
    decided = settle_language(RECORDING, PLAN, Probes(MANY, []), asked).decoding
    assert decided.language is None
    assert decided.languages == ("en", "hi")


def test_a_recording_without_windows_needs_no_language():
    probes = Probes(MANY, [])
    assert settle_language(RECORDING, [], probes, TranscriptionOptions()).decoding.language is None
    assert probes.asked == []


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
        settled(model, **asked)


def test_most_words_decide_not_most_windows():
    word = Word(" a", 0.0, 0.1, 1.0, (), 0, 0)
    pieces = [Piece(PLAN[0], (word, word, word), language="hi")]
    pieces += [replace(Piece(window, (word,)), language="en") for window in PLAN[1:3]]
    assert most_spoken(pieces) == "hi"
    assert most_spoken([]) == "en"
