from pathlib import Path

from chunking.options import CueOptions
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.options_digest import digest_of
from transcription.settings import Settings

SETTINGS, OPTIONS = Settings(model="base"), TranscriptionOptions()


def test_the_same_is_the_same():
    assert digest_of(SETTINGS, OPTIONS) == digest_of(Settings(model="base"), TranscriptionOptions())


def test_whatever_decides_what_is_written_makes_another():
    asked = [
        (SETTINGS, OPTIONS),
        (Settings(model="turbo"), OPTIONS),
        (Settings(model="base", precision="fp32"), OPTIONS),
        (Settings(model="base", adapter=Path("mine")), OPTIONS),
        (SETTINGS, TranscriptionOptions(speech=SpeechOptions(skip_silence=False))),
        (SETTINGS, OPTIONS, CueOptions()),
        (SETTINGS, OPTIONS, CueOptions(max_lines=1)),
    ]
    assert len({digest_of(*one) for one in asked}) == len(asked)


def test_where_it_is_computed_makes_none():
    elsewhere = Settings(model="base", devices="cuda:0", threads=3)
    assert digest_of(elsewhere, OPTIONS) == digest_of(SETTINGS, OPTIONS)
