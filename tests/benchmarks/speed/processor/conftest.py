from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.speed.processor.planted import SAID


@pytest.fixture
def people(tmp_path: Path, make_sound) -> Path:
    """Two recordings that are long enough, of different kinds."""
    rows = [
        {"path": "read/1.wav", "text": SAID, "language": "en", "seconds": 31},
        {"path": "talk/1.wav", "text": SAID, "style": "monologue", "language": "en", "seconds": 32},
    ]
    for row in rows:
        make_sound(tmp_path / "people" / str(row["path"]), row["seconds"])
    (tmp_path / "people" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "people"
