"""Hours of speech take hardly more memory than ten minutes: all of a service but reading files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.app.killing import killable
from tests.trust.processes import MB, usage_of
from tests.trust.table import Row
from tests.trust.test_load import NO_LIMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
HOUR = 3600
WORDS_PER_WINDOW = 75  # people say 150 a minute
FORMS = ("verbose_json", "srt", "vtt", "text")


def peak_of(folder: Path, seconds: int) -> float:
    """MB that a service had at most, which transcribed and rendered so many seconds of speech."""
    arguments = ("--pipeline", "claimed", "--words", str(WORDS_PER_WINDOW))
    folder.mkdir()
    with killable(folder / "data", *arguments, hold_at=NO_LIMIT) as service:
        service.options = {"overlap": "0", "vad": "false"}
        job = service.submit(b"%d" % seconds)
        with service.client() as client:
            while (status := client.get(f"/v1/jobs/{job}").json()["status"]) != "completed":
                assert status in {"queued", "running"}, client.get(f"/v1/jobs/{job}").text
                time.sleep(0.1)
            for form in FORMS:
                parameters = {
                    "response_format": form,
                    "timestamp_granularities[]": ["word", "segment"][: 2 if "json" in form else 0],
                }
                path = f"/v1/jobs/{job}/transcript"
                with client.stream("GET", path, params=parameters) as answer:
                    assert answer.status_code == 200, answer.read()
                    assert sum(map(len, answer.iter_bytes())) > seconds
        return usage_of(service.pid).peak_bytes / MB


@pytest.mark.row("L2")
def test_memory_is_no_function_of_length(tmp_path: Path, row: Row):
    short = peak_of(tmp_path / "short", 600)
    hours = row.amount(3, 10)
    long = peak_of(tmp_path / "long", hours * HOUR)
    row.tell(f"10 minutes {short:.0f} MB, {hours} h {long:.0f} MB: +{long - short:.0f} MB")
    assert long - short <= 50
