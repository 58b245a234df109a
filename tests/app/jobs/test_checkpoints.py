"""Under what name a group's checkpoint is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from app.jobs.checkpoints import key_of
from chunking.types import Window
from decoding.types import DecodingOptions
from transcription.options import TranscriptionOptions
from transcription.types import Recording


def test_whatever_changes_what_is_decoded_changes_the_key(tmp_path: Path) -> None:
    samples = np.arange(16_000 * 4, dtype="<i2")
    (tmp_path / "sound.pcm").write_bytes(samples.tobytes())
    recording = Recording(tmp_path / "sound.pcm", len(samples), "digest")
    asked = Window(0, 0.0, 2.0)
    others = (
        replace(asked, index=1),
        replace(asked, start=0.5),
        replace(asked, end=2.5),
        replace(asked, kind="gap"),
        replace(asked, needed_until=1.5),
        replace(asked, spoken_until=1.5),
        replace(asked, spoken_seconds=1.5),
    )
    options = TranscriptionOptions()
    german = replace(options, decoding=DecodingOptions(language="de"))
    keys = [key_of(recording, [window], options) for window in (asked, *others)]
    keys.append(key_of(recording, [asked], german))
    keys.append(key_of(recording, [asked, asked], options))
    assert len(set(keys)) == len(keys)
    assert key_of(recording, [replace(asked)], TranscriptionOptions()) == keys[0]
