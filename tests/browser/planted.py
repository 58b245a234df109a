"""Planted transcripts and sound, so that a test knows what must appear on the page."""

from __future__ import annotations

import io
import math
import struct
import wave
from dataclasses import dataclass
from typing import Any

RATE = 8000
WORD_SECONDS = 0.3
PAUSE_SECONDS = 0.5
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> <script>alert(1)</script> &amp; </li>"

PROSE = (
    "Good morning, and thank you for coming out in this weather. We have a full agenda today.",
    "The first item is the harbour wall, which has been on our list since the spring tides.",
    "The survey found three places where the foundation has been washed out below the low water "
    "mark.",
    "None of them is dangerous yet, but the engineers would like to start before November.",
    "They propose to close the eastern quay for six weeks and to move the ferry to the old pier.",
    "Are there any questions about the closure before we come to the cost?",
    "Yes, from the fishing cooperative: where will the ice plant get its water in that time?",
    "There is a temporary connection in the plan, paid for by the contractor.",
    "Then let us look at the estimate on page four, and at the two alternatives behind it.",
    "The difference between them is mostly the price of the stone and how far it must travel.",
    "If nobody objects, we shall vote on the first alternative and on the dates together.",
    "That is carried. The next item is the lighthouse, and its leaking roof.",
)
DOUBTS = {"cooperative": 0.52, "ice": 0.41, "quay": 0.27, "washed": 0.55, "carried.": 0.19}


def wav(seconds: float) -> bytes:
    """A quiet tone that a browser can play."""
    count = round(seconds * RATE)
    samples = [round(1000 * math.sin(0.3 * i)) for i in range(min(count, RATE))]
    whole = (samples * (count // max(len(samples), 1) + 1))[:count]
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{count}h", *whole))
    return sound.getvalue()


@dataclass(frozen=True)
class Planted:
    """Segments as the service's events carry them, and what its coverage report says."""

    segments: tuple[dict[str, Any], ...]
    coverage: dict[str, Any]
    duration: float

    @property
    def words(self) -> list[dict[str, Any]]:
        return [word for segment in self.segments for word in segment["words"]]

    def verbose(self) -> dict[str, Any]:
        """As the real verbose_json: words at the top level only."""
        bare = [{k: v for k, v in segment.items() if k != "words"} for segment in self.segments]
        return {
            "task": "transcribe",
            "language": "english",
            "duration": self.duration,
            "text": "".join(segment["text"] for segment in self.segments).strip(),
            "segments": bare,
            "words": self.words,
            "coverage": self.coverage,
        }

    def render(self, wanted: str) -> str:
        """Enough of each format to tell one download from another."""
        if wanted == "srt":
            return "".join(
                f"{number}\n{_stamp(segment['start'])} --> {_stamp(segment['end'])}\n"
                f"{segment['text'].strip()}\n\n"
                for number, segment in enumerate(self.segments, start=1)
            )
        return f"{wanted}\n" + "\n".join(segment["text"].strip() for segment in self.segments)


def _stamp(seconds: float) -> str:
    whole, rest = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{rest:03}"


def plant(texts: tuple[str, ...], *, silence_after: int | None = None) -> Planted:
    """Words of equal length; speech without words behind segment `silence_after`, if given."""
    time = 0.4
    segments = []
    uncovered = []
    for number, text in enumerate(texts):
        start = time
        words = []
        for word in text.split():
            end = round(time + WORD_SECONDS, 3)
            confidence = DOUBTS.get(word.strip(",:?"), 0.97)
            words.append({"word": word, "start": time, "end": end, "probability": confidence})
            time = end
        segments.append(
            {"id": number, "start": start, "end": time, "text": f" {text}", "words": words}
        )
        time = round(time + PAUSE_SECONDS, 3)
        if number == silence_after:
            uncovered.append({"start": time, "end": round(time + 4.2, 3)})
            time = round(time + 5, 3)
    uncertain = [segment["end"] for segment in segments[4:5]]
    coverage = {
        "speech_seconds": round(time * 0.9, 1),
        "uncovered_seconds": 4.2 * len(uncovered),
        "uncovered": uncovered,
        "doubtful": [],
        "seams": {"agreed": 9, "voted": 1, "repaired": 1, "uncertain": len(uncertain), "silent": 0},
        "uncertain_seams": uncertain,
        "redecoded": [{"window": 7, "start": 25.0, "end": 40.0, "reason": "seam", "words": 3}],
        "truncated": [],
    }
    return Planted(tuple(segments), coverage, round(time + 0.5, 3))


def clean(planted: Planted) -> Planted:
    """The same with nothing to check."""
    seams = {"agreed": 12, "voted": 0, "repaired": 0, "uncertain": 0, "silent": 0}
    coverage = {
        **planted.coverage,
        "uncovered_seconds": 0.0,
        "uncovered": [],
        "uncertain_seams": [],
        "redecoded": [],
        "seams": seams,
    }
    return Planted(planted.segments, coverage, planted.duration)
