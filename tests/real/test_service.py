"""Recordings of people through the running service, with the official `base`.

A bound is the number of errors that was measured and two words more: a processor or a precision may
choose another word, and no more than that. So the recordings are ones whose words hang on no such
thing: the French one has 10 to 12 errors in single precision and in 8 bits, with 0, 50, 100 or
200 ms of silence before it, where another of the same speaker has 7 to 15.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from itertools import pairwise

import pytest

from benchmarks.normalizers import default_normalizers
from benchmarks.scoring import score
from tests.real.official import SPEECH, spoken, weights
from tests.service import served

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

MORE_WORDS = 2


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording and how many words of it `base` hears wrongly."""

    file: str
    language: str
    code: str
    errors: int

    @property
    def text(self) -> str:
        """What is said, as the list of these recordings has it."""
        name = self.file.removeprefix("human/")
        for line in (SPEECH / "human" / "manifest.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["path"] == name:
                text = row["text"]
                return json.loads(text)[0]["transcription"] if text.startswith("[") else text
        raise AssertionError(f"no text of {name}")


# longer than a window; the French one is shorter
ENGLISH = Spoken("human/osr-8k/OSR_us_000_0034_8k.flac", "english", "en", errors=0)
FRENCH = Spoken("human/sppas-multilingual/fra-F_F_B003-P8.flac", "french", "fr", errors=10)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    path = weights("base")
    with served(tmp_path_factory.mktemp("data"), LONGFORM_MODEL=str(path)) as client:
        yield client


@pytest.fixture(scope="module", params=[ENGLISH, FRENCH], ids=["English", "French"])
def answered(request, client):
    """A recording, its verbose transcript, and its subtitles."""
    recording = request.param
    path = spoken(recording.file)
    with path.open("rb") as file:
        accepted = client.post("/v1/jobs", files={"file": (path.name, file)})
    assert accepted.status_code == 202, accepted.text
    job = wait(client, accepted.json()["id"])
    assert job["status"] == "completed", job
    verbose = {
        "response_format": "verbose_json",
        "timestamp_granularities[]": ["word", "segment"],
    }
    formats = (verbose, {"response_format": "srt"})
    document, subtitles = (
        client.get(f"/v1/jobs/{job['id']}/transcript", params=asked) for asked in formats
    )
    assert document.status_code == subtitles.status_code == 200, (document.text, subtitles.text)
    return recording, document.json(), subtitles.text


def wait(client, job_id):
    """The job when it has ended; the test's own limit ends what never does."""
    while True:
        job = client.get(f"/v1/jobs/{job_id}").json()
        if job["status"] not in {"queued", "running"}:
            return job
        time.sleep(0.2)


def test_words_are_right(answered):
    recording, document, _ = answered
    scored = score(recording.text, document["text"], default_normalizers(recording.code)[0])
    assert scored.reference_length > 60
    assert scored.words.errors <= recording.errors + MORE_WORDS, document["text"]


def test_language_is_detected(answered):
    recording, document, _ = answered
    assert document["language"] == recording.language


def test_times_and_words_are_those_of_the_recording(answered):
    _, document, _ = answered
    words = document["words"]
    assert all(a["start"] <= b["start"] for a, b in pairwise(words))
    assert all(w["start"] <= w["end"] <= document["duration"] for w in words)
    told = " ".join(segment["text"].strip() for segment in document["segments"])
    assert told.split() == document["text"].split()


def test_subtitles_hold_the_same_text(answered):
    _, document, subtitles = answered
    cues = [cue.splitlines() for cue in subtitles.strip().split("\n\n")]
    assert [cue[0] for cue in cues] == [str(n) for n in range(1, len(cues) + 1)]
    clock = r"\d\d:\d\d:\d\d,\d{3}"
    assert all(re.fullmatch(f"{clock} --> {clock}", cue[1]) for cue in cues)
    assert " ".join(line for cue in cues for line in cue[2:]).split() == document["text"].split()
