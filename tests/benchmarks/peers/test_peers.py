from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.formats.types import TimedWord
from benchmarks.peers.ours import Ours, account_of, heard_of, options_of
from benchmarks.peers.registry import PEERS, PeerCard, card_of, open_peer, versions_of
from benchmarks.peers.types import PeerSpec, PeerTranscript, PeerUnavailable
from chunking.options import WindowOptions
from chunking.types import Coverage, Seam, Segment, Span, Window, Word
from tests.planted import PlantedDecoder, plant, write_wav
from transcription.types import Transcript


@pytest.mark.parametrize("name", PEERS)
def test_every_recogniser_names_its_opener(name: str) -> None:
    from importlib import import_module

    module, _, function = PEERS[name].opener.partition(":")
    assert callable(getattr(import_module(module), function))
    assert versions_of(name)


def test_unknown_recogniser() -> None:
    with pytest.raises(ValueError, match="faster-whisper"):
        card_of("nonsense")


def test_what_is_not_installed_says_how_to_install() -> None:
    if versions_of("whisperx")["whisperx"] != "absent":
        pytest.skip("whisperx is installed")
    with pytest.raises(PeerUnavailable, match="pip install whisperx"):
        open_peer(PeerSpec("whisperx"))


def test_no_recogniser_is_imported_while_onnxruntime_may_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is heeded before the first import of it only."""
    (tmp_path / "opened_by_test.py").write_text(
        "import os\nfound = os.environ.get('ORT_DISABLE_TELEMETRY')\n"
        "def open_it(spec):\n    return found\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setitem(PEERS, "fake", PeerCard("fake", "", "opened_by_test:open_it", ()))
    assert open_peer(PeerSpec("fake")) == "1"


def test_server(tmp_path: Path, make_sound, speech_server: str) -> None:
    peer = open_peer(PeerSpec(speech_server, api_key="k"))
    heard = peer.transcribe(make_sound(tmp_path / "a.wav"), "en")
    assert heard == PeerTranscript("hello there world", (TimedWord("hello", 0.1, 0.2),))
    with pytest.raises(RuntimeError, match="HTTP 400"):
        peer.transcribe(make_sound(tmp_path / "broken.wav"), None)
    peer.close()


def test_a_key_is_not_shown() -> None:
    assert "sk-secret" not in repr(PeerSpec(api_key="sk-secret"))


def test_our_options_are_the_services_but_for_what_is_asked() -> None:
    options = options_of(PeerSpec(beam_size=2, skip_silence=False), "hi")
    assert options.decoding.beam_size == 2
    assert options.decoding.language == "hi"
    assert not options.speech.skip_silence
    assert options_of(PeerSpec(), None).decoding.beam_size == 5
    assert options_of(PeerSpec(), None).windows == WindowOptions()
    assert options_of(PeerSpec(phase=8.0), None).windows == WindowOptions(phase=8.0)
    assert options_of(PeerSpec(overlap=5.0), None).windows == WindowOptions(overlap=5.0)


def test_our_transcript_as_the_benchmark_sees_it() -> None:
    word = Word(" hello", 1.0, 1.5, 0.9, (1,), 0, 0)
    segment = Segment(0, 1.0, 1.5, " hello", (word,), 0.0, -0.1, 1.0, 0.0, "en")
    coverage = Coverage(10.0, 0.5, seams=(Seam(0, 1, 27.5, "agreed"),))
    found = heard_of(Transcript("en", 60.0, (segment,), coverage, 3, "demo"))
    assert found == PeerTranscript("hello", (TimedWord("hello", 1.0, 1.5),), (27.5,), 3, 0.5, "en")


def test_a_repair_counts_as_used_when_a_word_of_it_stands() -> None:
    asked = [
        Window(0, 0.0, 30.0),
        Window(1, 25.0, 55.0),
        Window(2, 20.0, 40.0, "gap"),
        Window(3, 21.0, 40.0, "seam"),
    ]
    words = tuple(
        Word(" w", n, n + 0.5, 0.9, (1,), window, n) for n, window in enumerate((0, 2, 2))
    )
    coverage = Coverage(10.0, 2.0, uncovered=(Span(3.0, 5.0),))
    segment = Segment(0, 0.0, 2.5, " w w w", words, 0.0, -0.1, 1.0, 0.0, "en")
    transcript = Transcript("en", 60.0, (segment,), coverage, 4, "demo")
    found = account_of(transcript, asked, {"merge": 1.0})
    assert (found.planned, found.repairs) == (2, 2)
    assert (found.repairs_used, found.repaired_words) == (1, 2)
    assert found.uncovered == (Span(3.0, 5.0),)
    assert found.cpu_seconds == {"merge": 1.0}


def test_our_account_of_planted_words(tmp_path: Path) -> None:
    decoder = PlantedDecoder()
    peer = Ours(PeerSpec(skip_silence=False), decoder)
    heard = peer.transcribe(write_wav(tmp_path / "a.wav", plant(120)), None)
    assert heard.account is not None
    assert heard.account.planned + heard.account.repairs == heard.windows == decoder.clips
    assert heard.account.planned >= 2
    assert list(heard.account.cpu_seconds) == ["decode", "detectors", "windows", "merge"]
    assert all(seconds >= 0.0 for seconds in heard.account.cpu_seconds.values())
    peer.close()
