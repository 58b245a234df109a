"""What the documents say must exist."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ROOMS = ("app", "benchmarks", "chunking", "decoding", "training", "transcription")
COMMANDS = sorted(set(re.findall(r"python -m (\w+)(?: ([a-z][\w-]+)(?= |$|\n|`))?", README)))


def test_readme_targets_are_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test", "serve", "check", "bench"} <= named <= targets


@pytest.mark.parametrize("room", sorted({room for room, _ in COMMANDS}))
def test_readme_commands_can_be_run(room):
    shown = subprocess.run(
        [sys.executable, "-m", room, "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
    ).stdout
    for sub in (sub for command, sub in COMMANDS if command == room and sub):
        if not (ROOT / sub).exists():
            assert sub in shown


def test_readme_settings_exist():
    known = {f"LONGFORM_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"LONGFORM_[A-Z_]*[A-Z]", README))
    assert named
    assert named <= known


def test_links_lead_somewhere():
    for page in (README, ARCHITECTURE):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page):
            assert (ROOT / target).exists(), target


def test_map_names_what_exists_and_fits_a_sitting():
    assert ARCHITECTURE.count("\n") <= 200
    for room in ROOMS:
        assert f"`{room}/`" in ARCHITECTURE
        assert (ROOT / room / "__init__.py").exists()
    for module in re.findall(r"`(transcription/\w+)\.py`", ARCHITECTURE):
        assert (ROOT / f"{module}.py").exists(), module


def test_map_names_every_file():
    """Of the rooms that serve; measuring and training are told of as a whole."""
    for room in ("app", "chunking", "decoding", "transcription"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.name != "__init__.py":
                assert re.search(rf"\b{path.stem}\b", ARCHITECTURE), path


def test_rooms_of_numbers_alone_do_not_load_torch():
    code = (
        "import sys, chunking.merging.merger, decoding.types, transcription.options;"
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.strip() == "False"


def test_every_room_has_its_tests():
    for room in ROOMS:
        assert importlib.util.find_spec(room) is not None
        assert list((ROOT / "tests" / room).rglob("test_*.py"))
