"""A manifest of short clips, some missing or no sound, some lines broken; what must come of it."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

from tests.app.planted import text_of, wav
from tests.planted import write_wav
from tests.trust.engines import KILLS, sound_that

CLIPS = 20
CLIP_SECONDS = 1.5


def write_manifest(folder: Path, lines: int, *, poison: int = 3) -> list[tuple[str, str]]:
    """Write `manifest.jsonl`; for each line what it must end as: (text heard, "") or ("", code).

    A hundredth of the lines each is broken, missing and no sound; `poison` lines end the engine's
    process, twice each.
    """
    (folder / "clips").mkdir(parents=True)
    texts = []
    for number in range(CLIPS):
        sound = wav(CLIP_SECONDS, seed=number)
        (folder / "clips" / f"{number}.wav").write_bytes(sound)
        texts.append(text_of(sound))
    (folder / "clips" / "letter.wav").write_text("Dear Sir or Madam")
    write_wav(folder / "clips" / "kills.wav", sound_that(KILLS, 1.0))
    bad = max(lines // 100, 1)
    kinds = ["broken"] * bad + ["missing"] * bad + ["letter"] * bad + ["kills"] * poison
    kinds += ["clip"] * (lines - len(kinds))
    random.Random(5).shuffle(kinds)
    expected = []
    with (folder / "manifest.jsonl").open("w", encoding="utf-8") as file:
        for number, kind in enumerate(kinds):
            text, code = _told(kind, texts[number % CLIPS])
            expected.append((text, code))
            if kind == "broken":
                file.write(random.Random(number).choice(['{"audio": ', "{}", "[]", '{"audio": 7}']))
            else:
                name = f"{number % CLIPS}" if kind == "clip" else kind
                file.write(json.dumps({"audio": f"clips/{name}.wav", "id": f"call/{number}"}))
            file.write("\n")
    return expected


def _told(kind: str, text: str) -> tuple[str, str]:
    codes = {
        "broken": "broken_line",
        "missing": "audio_not_found",
        "letter": "unsupported_media",
        "kills": "recording_stops_engine",
    }
    return ("", codes[kind]) if kind in codes else (text, "")


def check(output: Path, expected: list[tuple[str, str]]) -> Counter[str]:
    """Every line once in the index, every result whole, nothing else there; codes counted."""
    index = [json.loads(line) for line in (output / "index.jsonl").read_text("utf-8").splitlines()]
    assert [entry["line"] for entry in index] == list(range(1, len(expected) + 1))
    named = set()
    for entry, (text, code) in zip(index, expected, strict=True):
        assert (entry["error_code"] or "") == code, entry
        assert entry["status"] == ("failed" if code else "completed")
        if code == "broken_line":
            assert entry["error"].startswith(f"line {entry['line']}: ")
        if not code:
            named.add(entry["result"])
            result = json.loads((output / entry["result"]).read_text("utf-8"))
            assert (result["text"], result["recording"]["id"]) == (text, entry["id"])
            assert entry["words"] == len(text.split())
    found = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert found == named | {"index.jsonl"}
    return Counter(code for _, code in expected)
