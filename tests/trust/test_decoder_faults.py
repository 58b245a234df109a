"""ffmpeg is missing or killed: the server's fault, told as that, and the next try may succeed."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.app.calls import submit
from tests.app.conftest import Start
from tests.app.planted import wav
from transcription.audio import decode_audio
from transcription.types import Transcript

FORM = {"files": {"file": ("talk.wav", wav(5))}, "data": {"model": "whisper-1"}}
FAULTS = {
    "missing": None,
    "not executable": "",
    "killed": "#!/bin/sh\nkill -9 $$",
    "ended": "#!/bin/sh\nkill -15 $$",
    "without its libraries": "#!/bin/sh\necho 'error while loading shared libraries' >&2; exit 127",
}


def decode_with(
    ffmpeg: Path, source: Path, *_: object, workspace: Path, **__: object
) -> Transcript:
    """A pipeline that comes no further than to the sound."""
    decode_audio(source, workspace, ffmpeg=ffmpeg)
    raise AssertionError("this ffmpeg cannot decode")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.row("F5")
def test_the_client_is_not_blamed(start: Start, tmp_path: Path, fault: str):
    ffmpeg = tmp_path / "ffmpeg"
    if FAULTS[fault] is not None:
        ffmpeg.write_text(FAULTS[fault])
        ffmpeg.chmod(0o644 if fault == "not executable" else 0o755)
    running = start(pipeline=partial(decode_with, ffmpeg))
    with running.client() as client:
        answer = client.post("/v1/audio/transcriptions", **FORM)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "decoder_failed")
        assert answer.json()["error"]["type"] == "server_error"
        assert int(answer.headers["retry-after"]) > 0
        assert "x-should-retry" not in answer.headers
        job = running.wait(submit(client, wav(6)).json()["id"])
        assert (job["status"], job["error"]["type"]) == ("failed", "server_error")


def test_a_service_without_ffmpeg_does_not_start(tmp_path: Path):
    """One sentence, before anything is loaded."""
    environment = {**os.environ, "IMAGEIO_FFMPEG_EXE": str(tmp_path / "nowhere")}
    environment |= {"LONGFORM_DATA_DIR": str(tmp_path / "data"), "LONGFORM_PORT": "0"}
    for command in ([], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "app", *command],
            cwd=Path(__file__).parents[2],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "ffmpeg cannot be run" in done.stderr
        assert "Traceback" not in done.stderr
